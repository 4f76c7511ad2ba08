"""MiniClicks: channels by hand, voxels that fit, masks that follow clicks."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import save_file

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.mini_clicks.channels import CLICK_CHANNELS, VoxelClicks, click_channels
from seg3d_ros.networks.mini_clicks.network import MiniClicks, encode_crop, load_mini_clicks
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.segmenters.weights import MINI


@pytest.fixture(scope="module")
def mini():
    return load_trained(MINI).network.eval()


@pytest.fixture(scope="module")
def room():
    """A floor of 2 m with a box of 40 cm on it, points every 2 cm: (P, 3) and colours."""
    side = torch.arange(0, 2, 0.02)
    x, y = (axis.flatten() for axis in torch.meshgrid(side, side, indexing="ij"))
    inside = (x > 0.8) & (x < 1.2) & (y > 0.8) & (y < 1.2)
    points = torch.stack([x, y, 0.4 * inside], dim=1) + 0.001
    colors = torch.where(inside[:, None], torch.tensor([0.8, 0.2, 0.1]), torch.tensor(0.5))
    return points, colors


def clicks(rows, foreground, previous=None):
    return VoxelClicks(torch.tensor(rows), torch.tensor(foreground), previous)


def test_channels_by_hand():
    """Voxels of 4 cm at 0, 25 cm and 2 m; the first is clicked, the last is clicked as not it."""
    points = torch.tensor([[0.0, 0, 0], [0, 0, 0.25], [2, 0, 0]])
    colors = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 0]])
    before = torch.tensor([0.9, 0.2, 0.1])
    told = click_channels(points, colors, clicks([0, 2], [True, False], before), voxel_size=0.04)
    assert told.shape == (3, CLICK_CHANNELS)
    torch.testing.assert_close(told[:, 0], before)
    assert told[:, 1:3].tolist() == [[1, 0]] * 3
    torch.testing.assert_close(told[0, 3:6], torch.tensor([1.0, 1, 0]))
    torch.testing.assert_close(told[1, 4:6], torch.tensor([math.exp(-0.5), 0.25]))
    torch.testing.assert_close(told[:, 8], torch.tensor([1.0, 1, 0]))
    torch.testing.assert_close(told[:, 9], torch.tensor([0.0, 0.25, 0]))
    torch.testing.assert_close(told[:, 10], torch.tensor([0.0, 1, 0]))


def test_without_clicks_off_the_object_nothing_is_near_one():
    points = torch.rand(5, 3)
    told = click_channels(points, points, clicks([1], [True]), voxel_size=0.02)
    assert told[:, 6:9].unique(dim=0).tolist() == [[0, 0, 1]]
    assert told[:, :2].eq(0).all()
    assert told[:, 2].eq(-1).all()


def test_voxels_are_as_small_as_their_number_allows(mini, room):
    small = encode_crop(mini, *room, most_voxels=20_000)
    large = encode_crop(mini, *room, most_voxels=3000)
    assert small.voxel_size == pytest.approx(0.02)
    assert len(large.points) <= 3000
    assert large.voxel_size in (pytest.approx(0.04), pytest.approx(0.0566, abs=1e-3))
    for crop in (small, large):
        apart = (crop.points[crop.rows] - room[0])[:, :2].abs().max()
        assert apart <= crop.voxel_size
    assert large.described.shape == (len(large.points), MiniClicks().project.in_features)


def test_answers_depend_on_clicks_and_on_the_mask_before(mini, room):
    torch.manual_seed(0)
    network = MiniClicks().eval()
    crop = encode_crop(mini, *room, most_voxels=4000)
    with torch.no_grad():
        one = network(mini, crop, clicks([5], [True]))
        two = network(mini, crop, clicks([5, 900], [True, False]))
        third = network(mini, crop, clicks([5], [True], one.sigmoid()))
        again = network(mini, crop, clicks([5], [True]))
    assert one.shape == (len(crop.points),)
    torch.testing.assert_close(one, again)
    assert not torch.allclose(one, two)
    assert not torch.allclose(one, third)


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"project.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(CheckpointError, match="does not fit MiniClicks"):
        load_mini_clicks(path)
