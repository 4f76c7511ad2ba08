"""LaSSM as the recordings describe it, and the scenes they were made with."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from seg3d_ros.networks.lassm.decoder import LassmDecoder
from seg3d_ros.networks.lassm.inputs import InputConfig, LassmInput
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.releases import RELEASES
from seg3d_ros.networks.lassm.spunet import SpUNet
from seg3d_ros.networks.minkunet34c import MinkUNet34C
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor


def backbone_of(description):
    config, sizes = description["model"]["backbone"], description.get("tiny_backbone")
    if config["type"] == "SpUNet-v2m1":
        return SpUNet(config["in_channels"], config["num_planes"])
    return MinkUNet34C(config["in_channels"], config["out_channels"], **sizes)


def decoder_of(description):
    config = description["model"]["decoder"]
    return LassmDecoder(
        config["in_channel"],
        config["num_class"],
        width=config["d_model"],
        num_blocks=config["num_blocks"],
        attention_layers=config["t_layer"],
        num_queries=config["num_query"],
        candidates=config["alpha"],
        neighbors=config["k"],
        orders=config["order"],
    )


def input_config_of(description, *, scene):
    turned = description["scenes"][scene]["rotated"]
    spunet = description["preprocessing"] == "spunet"
    return InputConfig(
        description["grid_size"],
        turn=0.35 * math.pi if turned else 0.0,
        grid_from="corner" if spunet else "origin",
        with_positions=spunet,
    )


def network_of(recording):
    """The network with the recorded weights; all of them have their place."""
    description = recording.description
    config = input_config_of(description, scene="sceneA")
    network = LaSSM(backbone_of(description), decoder_of(description), config)
    network.load_state_dict(recording.below("w/"))
    return network.eval()


def scene_of(recording, name):
    """The recorded input, its voxels in the recorded order."""
    arrays = recording.below(f"{name}/in.")
    cells = arrays["grid_coord"].int()
    coordinates = torch.cat([torch.zeros_like(cells[:, :1]), cells], 1)
    superpoint = np.unique(recording.arrays[f"{name}/raw.superpoint"], return_inverse=True)[1]
    return LassmInput(
        SparseTensor(VoxelGrid(coordinates), arrays["feat"]),
        arrays["coord"],
        arrays["inverse"].long(),
        torch.from_numpy(superpoint.reshape(-1)),
    )


def tiny_release(monkeypatch):
    """Put a model with few channels in the place of the released one for ScanNet."""
    tiny = dataclasses.replace(RELEASES["scannet"], backbone=lambda: SpUNet(6, (4, 6)), width=64)
    monkeypatch.setitem(RELEASES, "scannet", tiny)
    return tiny
