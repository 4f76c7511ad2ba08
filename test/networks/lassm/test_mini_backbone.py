"""Backbone of `mini` under LaSSM: what it sees, and that it stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seg3d_ros.networks.lassm.decoder import LassmDecoder, Superpoints
from seg3d_ros.networks.lassm.inputs import InputConfig, prepare_input
from seg3d_ros.networks.lassm.mini_backbone import (
    MiniBackbone,
    VotingDecoder,
    vote_waves,
)
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.training.first_weights import load_first_weights


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    backbone = MiniBackbone()
    decoder = LassmDecoder(backbone.out_channels, 2, width=64, num_blocks=(1,))
    built = LaSSM(backbone, decoder, InputConfig())
    load_first_weights(built, MINI)
    return built


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    floor = np.stack(np.meshgrid(np.arange(60), np.arange(60), [0]), -1).reshape(-1, 3) * 0.02
    box = floor[:400] * [0.3, 3, 1] + [0.5, 0.3, 0.3]
    points = np.concatenate([floor, box]).astype(np.float32) + 0.005
    return points, rng.random(points.shape, np.float32)


def test_it_sees_what_mini_sees(network, scene):
    points, colors = scene
    inputs = prepare_input(points, colors, np.zeros(len(points), np.int64), InputConfig())
    mini = load_trained(MINI).network
    with torch.inference_mode():
        ours = network.backbone(inputs.voxels)
        x = inputs.voxels.features
        rows, (theirs,) = mini.encode(x[:, 3:], (x[:, :3] + 1) / 2)
    assert ours.shape == (len(inputs.positions), network.backbone.out_channels)
    torch.testing.assert_close(ours[:, :32], theirs.fine[rows])
    votes = theirs.votes.middles[rows]
    sines = ours[:, 69:84].view(-1, 3, 5)
    torch.testing.assert_close(sines[:, :, 3], (2 * torch.pi * votes).sin())


def test_training_leaves_it_alone(network, scene):
    points, colors = scene
    inputs = prepare_input(points, colors, np.arange(len(points)) // 200, InputConfig())
    before = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}
    network.train()
    decoded = network.predict(inputs)
    decoded.stages[-1].masks.sum().backward()
    assert not any(weight.grad is not None for weight in network.backbone.parameters())
    assert network.decoder.x_mask[0].weight.grad is not None
    after = network.backbone.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_the_first_masks_are_what_votes_for_the_same_place():
    torch.manual_seed(0)
    places = torch.tensor([[0, 0, 0.4], [1.5, 0.4, 0.4], [1.5, 2.0, 0.8], [-1.2, 0.6, 1.0]])
    owner = torch.arange(40) % 4
    votes = places[owner] + 0.05 * torch.randn(40, 3)
    features = torch.cat([0.3 * torch.randn(40, 69), vote_waves(votes)], 1)
    decoder = VotingDecoder(99, 2, width=128, num_blocks=(1, 1), attention_layers=1).eval()
    with torch.inference_mode():
        stages = decoder(Superpoints(features, votes)).stages
    for heads in stages:
        assert torch.equal(heads.masks > 0, owner[:, None] == owner)
    with pytest.raises(ValueError, match="width is 60; votes need more than 60 channels"):
        VotingDecoder(99, 2, width=60)
