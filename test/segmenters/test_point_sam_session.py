"""The session around the network, with a network that knows objects by their colour."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.point_sam_session import RADII_M, PromptSession, SceneCrops
from seg3d_ros.segmenters.prompt_network import Answer, Crop


class ByColor:
    """Answers with all points that are coloured like a foreground click and like no other one."""

    def __init__(self):
        self.encoded, self.answered = [], []

    def encode(self, scene, center, radius):
        self.encoded.append(radius)
        distances = np.linalg.norm(scene.points - center, axis=1)
        rows = np.flatnonzero(distances <= radius)
        colors = scene.colors[rows, 0]
        source = np.arange(len(rows))
        whole = len(rows) == len(scene)
        return Crop(rows, source, scene.points[rows], distances[rows], radius, whole, colors)

    def answer(self, crop, clicked, foreground, *, before=None):
        self.answered.append((len(clicked), before is not None))
        colors = crop.clouds
        wanted = np.isin(colors, colors[clicked[foreground]])
        wanted &= ~np.isin(colors, colors[clicked[~foreground]])
        return Answer(torch.from_numpy(np.where(wanted, 1.0, -1.0))[None], 0.5)


@pytest.fixture
def line():
    """A line of 9.5 m with a voxel every 9.5 cm; objects of 0.4, 2.1 and 7 m."""
    row = np.arange(100)
    x = row.astype(np.float32) * 0.095
    points = np.stack([x, 0 * x, 0 * x], axis=1)
    colors = np.select([row < 4, row < 26], [0.1, 0.2], 0.3).astype(np.float32)
    return Scene(points, np.repeat(colors[:, None], 3, 1), row, 0.1)


@pytest.fixture
def network():
    return ByColor()


@pytest.fixture
def session(line, network):
    return PromptSession(SceneCrops(network, line))


def click(session, *rows, off=()):
    flags = [True] * len(rows) + [False] * len(off)
    return session.click(np.array([*rows, *off]), np.array(flags)).mask


def test_a_small_object_is_segmented_in_a_small_crop(session, network):
    mask = click(session, 1)
    assert np.flatnonzero(mask).tolist() == [0, 1, 2, 3]
    assert network.encoded == list(RADII_M[:2])  # nothing more of it in the next larger one
    assert network.answered == [(1, False)] * 2


def test_the_crop_grows_with_the_object(session, network):
    mask = click(session, 12)
    assert np.flatnonzero(mask).tolist() == list(range(4, 26))
    assert network.encoded == list(RADII_M)  # the last one shows that there is no more of it


def test_the_crop_grows_to_its_largest_and_no_further(session, network):
    mask = click(session, 60)
    assert np.flatnonzero(mask).tolist() == list(range(27, 94))
    assert network.encoded == list(RADII_M)


def test_where_the_scene_ends_nothing_grows(line, network):
    rows = np.arange(7)
    part = Scene(line.points[rows], line.colors[rows], rows, 0.1)
    session = PromptSession(SceneCrops(network, part))
    assert np.flatnonzero(click(session, 4)).tolist() == list(range(4, 7))
    assert network.encoded == [RADII_M[0]]


def test_the_crop_holds_all_foreground_clicks(session, network):
    mask = click(session, 1, 12)
    assert mask[:26].all()
    assert network.encoded[0] == RADII_M[2]
    assert network.answered[:2] == [(1, False), (2, True)]  # first one click, then its mask too


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


def test_the_crop_grows_where_more_around_shows_that_the_mask_was_of_a_part(line):
    """Without context the network answers with less; what is many times as large is no whole."""

    class Nearsighted(ByColor):
        def __init__(self, reach_m):
            super().__init__()
            self.reach_m = reach_m

        def answer(self, crop, clicked, foreground, *, before=None):
            found = super().answer(crop, clicked, foreground, before=before)
            if crop.radius == RADII_M[0]:
                found.logits[0, crop.distances > self.reach_m] = -1
            return found

    def size_of(reach_m):
        crops = SceneCrops(Nearsighted(reach_m), line)
        return click(PromptSession(crops), 6).sum()  # three from the end of an object of 22

    assert size_of(0.25) == 22  # five voxels, then thirteen, then all
    assert size_of(0.05) == 1


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


def test_crops_are_kept_but_not_all(line, network):
    crops = SceneCrops(network, line)
    kept = crops.around(3, 0)
    for row in range(10, 14):
        crops.around(row, 0)
    assert crops.around(3, 0) is kept
    for row in range(20, 30):
        crops.around(row, 0)
    assert crops.around(3, 0) is not kept
