"""MinkUNet: its U-Net, level by level, and what it must not depend on."""

from __future__ import annotations

import itertools

import pytest
import torch

from seg3d_ros.networks.minkunet import MinkUNet, MinkUNet18, MinkUNet34, MinkUNet50
from seg3d_ros.sparse.voxelize import voxelize

SMALL = {"planes": (4, 6, 8, 10, 10, 8, 6, 4), "layers": (1,) * 8, "init_dim": 4}


def voxels(*counts):
    """Scenes of so many random points; the first of the same count is always the same."""
    torch.manual_seed(0)
    clouds = [torch.rand(count, 6) * 3 - 1 for count in counts]
    points, colors = torch.cat(clouds).split(3, dim=1)
    return voxelize(points, colors, voxel_size=0.1, sizes=counts).voxels


@pytest.fixture
def small():
    return MinkUNet(3, 5, **SMALL).eval()


def test_levels_come_coarse_to_fine(small):
    x = voxels(400)
    levels = small.decode(x)
    assert [level.grid.stride for level in levels] == [8, 4, 2, 1]
    assert [level.features.shape[1] for level in levels] == [10, 8, 6, 4]
    assert levels[-1].grid is x.grid
    for coarse, fine in itertools.pairwise(levels):
        assert fine.grid.coarser()[0] is coarse.grid
    torch.testing.assert_close(small.final(levels[-1]).features, small(x).features)


def test_without_output_channels_the_finest_level_is_the_output():
    network = MinkUNet(3, None, **SMALL).eval()
    x = voxels(300)
    assert torch.equal(network(x).features, network.decode(x)[-1].features)
    assert not any(name.startswith("final") for name in network.state_dict())


def test_scenes_of_a_batch_do_not_touch(small):
    together, alone = voxels(300, 200), voxels(300)
    with torch.inference_mode():
        ours, expected = small(together).features, small(alone).features
    torch.testing.assert_close(ours[: len(expected)], expected)


def test_whole_coarsest_voxels_may_be_added_to_all_coordinates(small):
    x = voxels(300)
    moved = x.grid.coordinates + torch.tensor([0, 16, -32, 48])
    other = type(x)(type(x.grid)(moved), x.features)
    with torch.inference_mode():
        torch.testing.assert_close(small(x).features, small(other).features)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_three_sizes():
    with torch.device("meta"):
        plain, deep, slim = (kind(3, 96) for kind in (MinkUNet18, MinkUNet34, MinkUNet50))
    blocks = [len(deep.get_submodule(f"block{i}")) for i in range(1, 9)]
    assert blocks == [2, 3, 4, 6, 2, 2, 2, 2]
    # Two 3x3x3 convolutions of 256 channels, against 256 -> 64 -> 64 -> 256; norms have 2 each.
    assert parameters(deep.block4[1]) == 2 * 27 * 256**2 + 4 * 256
    assert parameters(slim.block4[1]) == 2 * 64 * 256 + 27 * 64**2 + 4 * 64 + 2 * 256
    assert parameters(slim) < parameters(plain) < parameters(deep)


@pytest.mark.parametrize("bottleneck", [False, True])
def test_every_weight_learns(bottleneck, device):
    planes = tuple(4 * width for width in SMALL["planes"])
    network = MinkUNet(3, 5, **{**SMALL, "planes": planes}, bottleneck=bottleneck).to(device)
    x = voxels(400)
    grid = type(x.grid)(x.grid.coordinates.to(device))
    network(type(x)(grid, x.features.to(device))).features.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_a_wrong_number_of_levels_is_refused():
    with pytest.raises(ValueError, match=r"planes \(1, 2\) .* 8 numbers each"):
        MinkUNet(3, 5, planes=(1, 2))
