"""Superpoints: the partitions of the reference, and input that holds hardly anything."""

from __future__ import annotations

import numpy as np
import pytest
from support.parity import OWN, Recording

from seg3d_ros.errors import InputError
from seg3d_ros.segmenters.superpoints import segment_cloud, segment_mesh, segment_points


@pytest.fixture(scope="module")
def recorded():
    return {
        name: array.numpy()
        for name, array in Recording(OWN / "lassm/superpoints.npz").arrays.items()
    }


def assert_same_partition(ours, theirs):
    pairs = np.unique(np.stack([ours, theirs], axis=1), axis=0)
    assert len(pairs) == len(np.unique(ours)) == len(np.unique(theirs))


def test_mesh_is_partitioned_as_by_the_reference(recorded):
    ours = segment_mesh(recorded["vertices"], recorded["faces"])
    assert_same_partition(ours, recorded["mesh_superpoint"])
    first = np.unique(ours, return_index=True)[1]
    assert (np.diff(first) > 0).all() and ours[0] == 0  # numbered by first appearance


def test_cloud_with_a_graph_is_partitioned_as_by_the_reference(recorded):
    ours = segment_points(recorded["vertices"], recorded["point_normals"], recorded["point_edges"])
    assert_same_partition(ours, recorded["point_superpoint"])


def corner(spacing=0.02, count=40):
    """A floor and a wall that meet in a concave fold; (points, which of the two)."""
    a, b = (grid.ravel() * spacing for grid in np.meshgrid(range(count), range(count)))
    floor = np.stack([a + spacing, b, 0 * a], axis=1)
    wall = np.stack([0 * a, b, a + spacing], axis=1)
    owners = np.repeat([0, 1], count * count)
    return np.concatenate([floor, wall]).astype(np.float32), owners


def test_a_fold_parts_floor_and_wall():
    points, owners = corner()
    ours = segment_cloud(points)
    for superpoint in np.unique(ours):
        inside = np.bincount(owners[ours == superpoint], minlength=2)
        assert inside.min() <= 0.05 * inside.sum()
    assert len(np.unique(ours)) < 20


def test_far_from_the_origin_nothing_changes():
    points, _ = corner(spacing=1 / 64)  # exact at both places
    assert_same_partition(segment_cloud(points), segment_cloud(points + np.float32(512)))


def test_the_order_of_the_points_does_not_matter_much():
    points, _ = corner()
    order = np.random.default_rng(0).permutation(len(points))
    straight, shuffled = segment_cloud(points)[order], segment_cloud(points[order])
    large = np.bincount(straight).argmax()
    inside = np.bincount(shuffled[straight == large])
    assert inside.max() > 0.95 * inside.sum()


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 3)),
        np.zeros((1, 3)),
        np.zeros((5, 3)),  # all at one place
        np.eye(3),
        np.arange(30)[:, None] * [0.1, 0, 0],  # on a line
        np.full((2, 3), 1e20) * [[1], [-1]],
    ],
)
def test_little_input_gets_an_answer(points):
    ours = segment_cloud(points.astype(np.float32))
    assert ours.shape == (len(points),) and ours.dtype == np.int64
    assert (np.unique(ours) == np.arange(ours.max(initial=-1) + 1)).all()


def test_a_plane_is_one_superpoint():
    points, owners = corner()
    assert (segment_cloud(points[owners == 0]) == 0).all()


def test_faces_without_area_do_not_matter():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [1, 1, 1], [0, 2, 0]])
    assert (segment_mesh(square, faces) == 0).all()
    assert len(segment_mesh(square, np.zeros((0, 3), np.int64))) == 4


@pytest.mark.parametrize(
    ("points", "faces", "message"),
    [
        (np.zeros((4, 2)), np.zeros((0, 3)), r"vertices have shape \(4, 2\)"),
        (np.zeros((4, 3)), np.zeros((2, 4)), r"faces have shape \(2, 4\)"),
        (np.zeros((4, 3)), [[0, 1, 4]], "faces hold 0 to 4; there are 4 points"),
        (np.zeros((4, 3)), [[0, 1, -1]], "faces hold -1 to 1"),
        ([[0, 0, np.nan]], np.zeros((0, 3)), "hold NaN or infinity"),
    ],
)
def test_wrong_arrays_are_refused(points, faces, message):
    with pytest.raises(InputError, match=message):
        segment_mesh(np.asarray(points, np.float32), np.asarray(faces, np.int64))
