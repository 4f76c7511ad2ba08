"""Point branch of XMask3D against recordings of the reference."""

from __future__ import annotations

import pytest
import torch
from support.parity import recordings
from support.xmask3d import assert_near, with_recipe

from seg3d_ros.networks.minkunet34c import MinkUNet34C
from seg3d_ros.networks.xmask3d.point_branch import (
    BaseClassHead,
    PointDecoder,
    minkunet18a,
    minkunet34c,
)
from seg3d_ros.sparse.grid import VoxelGrid, pack
from seg3d_ros.sparse.tensor import SparseTensor


def voxels_of(recording, device="cpu"):
    arrays = recording.arrays
    return SparseTensor(VoxelGrid(arrays["coords"].to(device)), arrays["feats"].to(device))


@pytest.mark.parametrize("recording", recordings("xmask3d", having="stats"), ids=str)
def test_released_sizes(recording, device):
    arrays, x = recording.arrays, voxels_of(recording, device)
    decoder = with_recipe(PointDecoder(minkunet34c()), "pc_decoder.").to(device)
    head = with_recipe(BaseClassHead(minkunet18a()), "pc_binary_head.").to(device)
    with torch.inference_mode():
        found, base = decoder(x), head(x)
    rows = arrays["rows"].to(device)
    assert_near(found.features[rows], arrays["pred_3d_rows"], "features")
    assert_near(found.features.mean(0), arrays["pred_3d_colmean"], "mean")
    assert_near(found.condition, arrays["condition"][0], "condition")
    assert_near(base, arrays["binary_scores"][:, 0], "base")


@pytest.mark.parametrize(
    "recording",
    [r for r in recordings("xmask3d", having="config") if "PLANES" in r.description["config"]],
    ids=str,
)
def test_levels_of_a_small_unet(recording):
    config, arrays = recording.description["config"], recording.arrays
    network = MinkUNet34C(
        config["in_channels"],
        config["out_channels"],
        planes=config["PLANES"],
        layers=config["LAYERS"],
        init_dim=config["INIT_DIM"],
        final_bias=False,
    ).eval()
    network.load_state_dict(recording.below("w/"))
    with torch.inference_mode():
        coarse, fine = network.coarse_and_fine(voxels_of(recording))
        assert_near(network.final(fine).features, arrays["out"], "head", tolerance=1e-4)
    assert_near(fine.features, arrays["mid/block8/feats"], "fine", tolerance=1e-4)
    corners = arrays["bottleneck_coords"].clone()
    corners[:, 1:] //= 16
    keys, rows = coarse.grid.sorted_keys
    order = pack(corners).argsort()
    assert torch.equal(keys, pack(corners)[order])
    assert_near(coarse.features[rows], arrays["bottleneck"][order], "coarse", tolerance=1e-4)
