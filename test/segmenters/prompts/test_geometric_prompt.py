from __future__ import annotations

import gc

import numpy as np
import pytest

from seg3d_ros.segmenters.prompts import geometric_prompt
from seg3d_ros.segmenters.prompts.geometric_prompt import REACH_M, GeometricPrompt
from seg3d_ros.segmenters.segmenter import NothingThereError


@pytest.fixture(scope="module")
def prompt():
    return GeometricPrompt()


def click(prompt, scene, *points, foreground=None):
    foreground = [True] * len(points) if foreground is None else foreground
    return prompt.segment_at(scene, np.array(points, np.float32), np.array(foreground))


def test_a_click_finds_the_thing(prompt, room, overlap):
    scene, owners = room
    for thing in range(2, 8):
        middle = scene.points[owners == thing].mean(axis=0)
        own = scene.points[owners == thing]
        on_top = own[np.argmax(own[:, 2] - np.linalg.norm((own - middle)[:, :2], axis=1))]
        found = click(prompt, scene, on_top)
        assert found.predicted_iou is None
        assert overlap(found.mask[None], owners == thing) > 0.75, thing


def test_a_click_on_a_plane_means_that_plane(prompt, room):
    scene, owners = room
    table = click(prompt, scene, (2.0, 1.6, 0.7)).mask
    assert (owners[table] == 1).mean() > 0.95
    assert abs(np.median(scene.points[table, 2]) - 0.7) < 0.01
    floor = click(prompt, scene, (2.5, 0.5, 0.0)).mask
    assert np.abs(scene.points[floor, 2]).max() < 0.05
    assert floor.sum() > 10 * table.sum() / 2


def test_foreground_clicks_add_up(prompt, room):
    scene, owners = room
    ball, can = (2.1, 1.45, 0.92), (1.8, 1.4, 0.95)
    both = click(prompt, scene, ball, can).mask
    np.testing.assert_array_equal(
        both, click(prompt, scene, ball).mask | click(prompt, scene, can).mask
    )
    assert {3, 4} <= set(np.unique(owners[both]))


def test_a_background_click_cuts_what_was_one(prompt, builder, overlap):
    """Two boxes of one height side by side: shape alone cannot part them, a click can."""
    scene, owners = (
        builder(noise=0.002)
        .rectangle((0, 0, 0), (1.5, 0, 0), (0, 1, 0))
        .box((0.55, 0.5, 0.1), (0.3, 0.2, 0.2), 1)
        .box((0.85, 0.5, 0.1), (0.3, 0.2, 0.2), 2)
        .build()
    )
    left, right = (0.55, 0.5, 0.2), (0.85, 0.5, 0.2)
    whole = click(prompt, scene, left).mask
    assert overlap(whole[None], (owners == 1) | (owners == 2)) > 0.9
    cut = click(prompt, scene, left, right, foreground=[True, False]).mask
    assert overlap(cut[None], owners == 1) > 0.8
    other = click(prompt, scene, right, left, foreground=[True, False]).mask
    assert (cut & other).sum() < 0.02 * whole.sum()
    elsewhere = click(prompt, scene, left, (1.4, 0.1, 0), foreground=[True, False]).mask
    np.testing.assert_array_equal(elsewhere, whole)
    in_the_air = click(prompt, scene, left, (1.4, 0.1, 5), foreground=[True, False]).mask
    np.testing.assert_array_equal(in_the_air, whole)


def test_the_answer_ends_within_reach(prompt, builder):
    scene, _ = builder(voxel_size=0.05).rectangle((0, 0, 0), (9, 0, 0), (0, 0.5, 0)).build()
    mask = click(prompt, scene, (1, 0.2, 0)).mask
    distance = np.linalg.norm(scene.points - (1, 0.2, 0), axis=1)
    assert distance[mask].max() <= REACH_M + 0.1
    assert mask[distance < REACH_M - 0.2].mean() > 0.95


def test_a_click_into_the_air_says_how_far_it_missed(prompt, room):
    with pytest.raises(NothingThereError, match=r"nearest voxel is 0\.\d\d m away; click within"):
        click(prompt, room[0], (2.8, 2.8, 0.5))


def test_an_empty_scene(prompt, builder):
    scene, _ = builder().rectangle((0, 0, 0), (1, 0, 0), (0, 1, 0)).build()
    empty = type(scene)(scene.points[:0], scene.colors[:0], scene.element_ids[:0], 0.02)
    with pytest.raises(NothingThereError, match="empty"):
        click(prompt, empty, (0, 0, 0))


@pytest.mark.parametrize(
    ("points", "foreground", "message"),
    [
        ([[0, 0, 0]], [False], "none of the points is foreground"),
        ([[np.nan, 0, 0]], [True], "NaN"),
        ([[0, 0, 0]], [True, False], "do not fit"),
        ([[1, 1, 0], [1, 1, 0]], [True, False], "same voxel"),
    ],
)
def test_bad_clicks(prompt, room, points, foreground, message):
    with pytest.raises(ValueError, match=message):
        prompt.segment_at(room[0], np.array(points, np.float32), np.array(foreground))


def test_a_scene_is_taken_apart_once_and_let_go(builder, monkeypatch):
    scene, _ = builder().rectangle((0, 0, 0), (1, 0, 0), (0, 1, 0)).build()
    calls = []
    decompose = geometric_prompt.decompose

    def counted(*args):
        calls.append(args[0].stamp_ns)
        return decompose(*args)

    monkeypatch.setattr(geometric_prompt, "decompose", counted)
    prompt = GeometricPrompt()
    click(prompt, scene, (0.5, 0.5, 0))
    click(prompt, scene, (0.2, 0.5, 0))
    assert len(calls) == 1
    del scene
    gc.collect()
    assert len(prompt._kept) == 0
