from __future__ import annotations

import numpy as np
import torch

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.training.panels import Panels, make_panels
from seg3d_ros.training.point_instances import PointInstances
from seg3d_ros.viewer.clouds import MAX_POINTS, partners

GREY = (170, 170, 170)


def batch_of(points: np.ndarray, truth: np.ndarray, *, segment: np.ndarray | None = None):
    """A batch whose first scene is given and whose second is one point far away."""
    count = len(points)
    colors = np.tile(np.float32([0.2, 0.4, 1.0]), (count + 1, 1))
    return SceneBatch(
        points=torch.from_numpy(np.concatenate([points, [[99, 99, 99]]]).astype(np.float32)),
        colors=torch.from_numpy(colors),
        normals=torch.zeros(count + 1, 3),
        segment=torch.from_numpy(np.append(truth if segment is None else segment, 0)),
        instance=torch.from_numpy(np.append(truth, 7)),
        sizes=(count, 1),
        names=("first", "second"),
    )


def drawn(points: np.ndarray, truth: np.ndarray, predicted: np.ndarray, **more) -> Panels:
    prediction = PointInstances(torch.from_numpy(predicted), more.pop("names", ()))
    segment = more.pop("segment", None)
    batch = batch_of(points, truth, segment=segment)
    return make_panels(batch, prediction, voxel_size=0.02, **more)


def row(count: int) -> np.ndarray:
    """Points along x, every 10 cm, in the middle of voxels."""
    return np.stack([np.arange(count) * 0.1 + 0.01, np.full(count, 0.01), np.full(count, 0.01)], 1)


def test_partners_share_more_than_half_of_their_union():
    truth = np.array([0, 0, 0, 5, 5, 5, 5, 2, 2, -1])
    predicted = np.array([1, 1, 3, 4, 4, -1, -1, 2, 0, 2])
    # 1 covers 2/3 of true 0; 3 a third; 4 and 2 exactly half, which is not enough; 2 also has
    # a point that nobody has labelled, which does not count.
    assert partners(predicted, truth).tolist() == [-1, 0, -1, -1, -1]


def test_no_labels_and_no_predictions_have_no_partners():
    nothing = np.full(4, -1)
    assert partners(nothing, np.arange(4)).tolist() == []
    assert partners(np.arange(4), nothing).tolist() == [-1] * 4


def test_a_found_object_has_one_colour_and_an_invented_one_its_own():
    truth = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    predicted = np.array([9, 9, 9, 4, -1, -1, -1, 4])
    shown = drawn(row(8), truth, predicted)
    _, true, guess = (panel.colors for panel in shown.clouds.panels)
    np.testing.assert_array_equal(guess[:3], true[:3])
    assert len({tuple(color) for color in np.concatenate([true[[0, 3]], guess[[3]]])}) == 3
    assert {tuple(color) for color in [*true[6:], *guess[4:7]]} == {GREY}
    assert (shown.found, shown.objects) == (1, 2)


def test_the_input_is_the_first_scene_in_its_own_colours():
    shown = drawn(row(3), np.zeros(3, int), np.zeros(3, int))
    np.testing.assert_array_equal(shown.clouds.panels[0].colors, [(51, 102, 255)] * 3)


def test_the_scene_stands_in_the_middle_of_a_square_of_edge_one():
    points = np.array([[10, 2, 3], [14, 2, 3], [10, 4, 3], [14, 4, 5.0]]) + 0.01
    shown = drawn(points, np.zeros(4, int), np.zeros(4, int))
    expected = [[-0.5, -0.25, 0], [0.5, -0.25, 0], [-0.5, 0.25, 0], [0.5, 0.25, 0.5]]
    np.testing.assert_allclose(shown.clouds.points, expected, atol=1e-6)
    np.testing.assert_allclose(shown.clouds.point_size, 0.02 / 4, rtol=1e-6)
    assert shown.clouds.cover.tolist() == [False, False, False, True]


def test_a_voxel_shows_one_point():
    points = np.concatenate([row(5), row(5) + 0.005, row(5)])
    shown = drawn(points, np.zeros(15, int), np.zeros(15, int))
    assert len(shown.clouds.points) == 5
    assert all(len(panel.colors) == 5 for panel in shown.clouds.panels)


def test_large_scenes_are_drawn_with_larger_voxels():
    cells = np.stack(np.meshgrid(np.arange(600), np.arange(600)), -1).reshape(-1, 2)
    points = np.column_stack([(cells + 0.5) * 0.02, np.zeros(len(cells))])
    ids = np.zeros(len(points), int)
    shown = drawn(points, ids, ids)
    assert MAX_POINTS / 3 < len(shown.clouds.points) <= MAX_POINTS < len(points)
    assert shown.clouds.point_size > 0.02 / 12


def test_captions_stand_above_instances_whose_names_are_known():
    points = np.array([[0, 0, 0], [0.2, 0, 0.6], [1, 0, 0], [1, 0, 0.2]]) + 0.01
    truth, segment = np.array([0, 0, 1, 1]), np.array([2, 2, -1, -1])
    predicted = np.array([-1, 1, 1, 1])
    shown = drawn(
        points, truth, predicted, segment=segment,
        class_names=("a", "b", "chair"), names=("?", "stool"),
    )  # fmt: skip
    _, true, guess = (panel.captions for panel in shown.clouds.panels)
    assert [name for name, _ in true] == ["chair"]  # the other has no class
    assert [name for name, _ in guess] == ["stool"]
    np.testing.assert_allclose(true[0][1], [-0.4, 0, 0.6], atol=1e-6)
