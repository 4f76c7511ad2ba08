"""The session around the network, with a network that knows objects by their colour."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.masks.blocks import BlockTooLargeError
from seg3d_ros.segmenters.prompts.point_sam_session import RADII_M, PromptSession, SceneCrops
from seg3d_ros.segmenters.prompts.prompt_network import Answer, Crop


class ByColor:
    """Answers with all points that are coloured like a foreground click and like no other one.

    It knows how many of them are elsewhere, and so how good its masks are.
    """

    def __init__(self):
        self.encoded, self.answered = [], []

    def encode(self, scene, rows, center):
        reach = np.linalg.norm(scene.points[rows] - center, axis=1).max()
        self.encoded.append(next(radius for radius in RADII_M if radius >= reach))
        whole = len(rows) == len(scene)
        clouds = scene.colors[rows, 0], scene.colors[:, 0]
        return Crop(rows, np.arange(len(rows)), scene.points[rows], whole, clouds)

    def answer(self, crop, clicked, foreground, *, before=None):
        self.answered.append((len(clicked), before is not None))
        here, everywhere = crop.clouds

        def wanted(colors):
            like = np.isin(colors, here[clicked[foreground]])
            return like & ~np.isin(colors, here[clicked[~foreground]])

        logits = torch.from_numpy(np.where(wanted(here), 9.0, -9.0)).float()
        share = wanted(here).sum() / max(wanted(everywhere).sum(), 1)
        return Answer(logits[None], float(share))


@pytest.fixture
def line():
    """A line of 9.5 m with a voxel every 9.5 cm, all apart; objects of 0.4, 2.1 and 7 m."""
    row = np.arange(100)
    x = row.astype(np.float32) * 0.095
    points = np.stack([x, 0 * x, 0 * x], axis=1)
    colors = np.select([row < 4, row < 26], [0.1, 0.2], 0.3).astype(np.float32)
    return Scene(points, np.repeat(colors[:, None], 3, 1), row, 0.01)


@pytest.fixture
def network():
    return ByColor()


@pytest.fixture
def session(line, network):
    return PromptSession(SceneCrops(network, line))


def click(session, *rows, off=()):
    flags = [True] * len(rows) + [False] * len(off)
    return session.click(np.array([*rows, *off]), np.array(flags)).mask


@pytest.mark.parametrize(("row", "first", "last"), [(1, 0, 4), (12, 4, 26), (60, 27, 94)])
def test_objects_of_every_size_are_found(session, network, row, first, last):
    """The last one is larger than the largest crop, in which it is seen from end to end."""
    mask = click(session, row)
    assert np.flatnonzero(mask).tolist() == list(range(first, last))
    assert network.encoded == list(RADII_M)
    assert network.answered == [(1, False)] * len(RADII_M)


def test_where_the_scene_ends_nothing_grows(line, network):
    rows = np.arange(7)
    part = Scene(line.points[rows], line.colors[rows], rows, 0.01)
    session = PromptSession(SceneCrops(network, part))
    assert np.flatnonzero(click(session, 4)).tolist() == list(range(4, 7))
    assert network.encoded == [RADII_M[0]]


def test_crops_hold_all_foreground_clicks(session, network):
    mask = click(session, 1, 12)
    assert np.flatnonzero(mask).tolist() == list(range(26))
    assert network.encoded == list(RADII_M[2:])
    # first one click, then its mask too
    assert network.answered == [(1, False), (2, True)] * 2


def test_clicks_further_apart_than_any_crop_are_those_of_the_largest(session, network):
    mask = click(session, 60, 97)
    assert mask[27:94].all() and mask[97]
    assert network.encoded == [RADII_M[-1]]


def test_further_clicks_start_from_the_mask_and_encode_nothing(session, network):
    click(session, 1)
    done = list(network.encoded)
    mask = click(session, 2)
    assert mask.sum() == 4
    assert network.encoded == done
    assert network.answered[-1] == (2, True)


def test_background_clicks_far_away_or_into_the_open_do_no_harm(session, network):
    mask = click(session, 1, off=(99, -1))
    assert mask.sum() == 4
    assert set(network.answered) == {(1, False)}


@pytest.fixture
def bare_line():
    """22 voxels; crops around the first hold 6, 11 and all of them."""
    rows = np.arange(22)
    points = np.stack([rows * np.float32(0.095), 0 * rows, 0 * rows], axis=1).astype(np.float32)
    return Scene(points, np.full((22, 3), 0.5, np.float32), rows, 0.01)


class Told(ByColor):
    """Answers with the voxels and the IoU that it is told, by the size of the crop."""

    def __init__(self, wanted, ious):
        super().__init__()
        self.wanted, self.ious = wanted, ious

    def answer(self, crop, clicked, foreground, *, before=None):
        logits = torch.full((1, len(crop.rows)), -9.0)
        logits[0, self.wanted[len(crop.rows)]] = 9.0
        return Answer(logits, self.ious[len(crop.rows)])


def test_the_mask_is_taken_that_most_crops_agree_on(bare_line):
    """Loss of larger crops, made up for by their IoU."""
    told = Told({6: [0], 11: [0, 1, 2, 3], 22: [0, 1, 2, 3, 4]}, {6: 0.3, 11: 0.5, 22: 0.7})
    result = PromptSession(SceneCrops(told, bare_line)).click(*on(0))
    assert np.flatnonzero(result.mask).tolist() == [0, 1, 2, 3]
    assert 0.3 < result.predicted_iou < 0.7


def test_a_mask_that_the_edge_of_its_crop_cuts_counts_less(bare_line):
    """The smallest crop would be the likeliest, did its mask not run up to its edge."""
    told = Told({6: [4, 5], 11: [0, 1], 22: [0, 1]}, dict.fromkeys((6, 11, 22), 0.3))
    result = PromptSession(SceneCrops(told, bare_line)).click(*on(0))
    assert np.flatnonzero(result.mask).tolist() == [0, 1]


def test_clicks_have_the_last_word(session):
    mask = click(session, 1, off=(2,))  # of one colour
    assert np.flatnonzero(mask).tolist() == [1]


def test_undo_gives_the_mask_before_without_any_work(session, network):
    before = click(session, 1)
    click(session, 5)
    done = list(network.answered)
    np.testing.assert_array_equal(session.undo().mask, before)
    assert session.undo() is None
    assert session.undo() is None
    assert network.answered == done and session.clicks == 0
    np.testing.assert_array_equal(click(session, 1), before)


def on(*rows):
    return np.array(rows), np.ones(len(rows), bool)


def test_a_list_of_clicks_is_continued_repeated_and_taken_back(session, network):
    one = session.click(*on(1)).mask
    two = session.continue_with(*on(1, 5)).mask
    assert two.sum() == 26
    done = len(network.answered)
    assert session.continue_with(*on(1, 5)).mask is two
    assert session.continue_with(*on(1)).mask is one
    assert len(network.answered) == done
    other = session.continue_with(*on(1, 2))
    assert other.mask.sum() == 4
    assert session.continue_with(*on(7)) is None


def test_a_foreground_click_that_became_background_is_another_one(session):
    click(session, 1, 5)
    assert session.continue_with(np.array([1, 5]), np.array([True, False])) is None


def test_clicks_of_a_failed_call_are_not_kept(session, network, monkeypatch):
    before = click(session, 1)

    def out_of_memory(*_, **__):
        raise BlockTooLargeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(network, "answer", out_of_memory)
        with pytest.raises(BlockTooLargeError):
            session.continue_with(*on(1, 5))
    assert session.clicks == 1
    assert session.continue_with(*on(1)).mask is before
    assert session.continue_with(*on(1, 5)).mask.sum() == 26


def test_crops_are_kept_but_not_all(line, network):
    crops = SceneCrops(network, line)
    kept = crops.around(3, 0)
    for row in range(10, 14):
        crops.around(row, 0)
    assert crops.around(3, 0) is kept
    for row in range(20, 30):
        crops.around(row, 0)
    assert crops.around(3, 0) is not kept
