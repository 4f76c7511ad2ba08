"""Upright boxes: literal cases, laws under rotation, and a slow search as the twin."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.objects.box import Box, upright_box, voxel_box
from seg3d_ros.scene import MapGrid


def corners_of(box: Box) -> np.ndarray:
    """(8, 3) corners, written out from the definition of the box."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    cos, sin = math.cos(box.yaw), math.sin(box.yaw)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return box.center + (signs * box.size / 2) @ turn.T


def smallest_area_by_search(points: np.ndarray) -> float:
    """Area of the best rectangle among 3600 yaws: no hull, no calipers."""
    yaws = np.linspace(0, math.pi / 2, 3600, endpoint=False)
    along = points[:, :1] * np.cos(yaws) + points[:, 1:2] * np.sin(yaws)
    across = points[:, 1:2] * np.cos(yaws) - points[:, :1] * np.sin(yaws)
    return float((np.ptp(along, axis=0) * np.ptp(across, axis=0)).min())


def test_axis_aligned_box_is_read_off() -> None:
    points = np.array([[0, 0, 1], [4, 0, 1], [4, 2, 1], [0, 2, 3], [1, 1, 2]], float)
    box = upright_box(points)
    np.testing.assert_allclose(box.center, [2, 1, 2])
    np.testing.assert_allclose(box.size, [4, 2, 2])
    assert box.yaw == 0


def test_longer_side_is_x_and_yaw_turns_with_it() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 5, 0], [0, 5, 0]], float)
    box = upright_box(points)
    np.testing.assert_allclose(box.size, [5, 1, 0])
    assert box.yaw == pytest.approx(-math.pi / 2)


@pytest.mark.parametrize("yaw", [-1.5, -0.8, -math.pi / 4, 0.0, 0.3, math.pi / 4, 1.2, 1.57])
def test_a_turned_box_is_found_again(yaw: float) -> None:
    truth = Box(np.array([3.0, -7.0, 1.0]), np.array([2.0, 0.7, 0.4]), yaw)
    inside = np.random.default_rng(0).uniform(-0.5, 0.5, (200, 3)) * truth.size
    cos, sin = math.cos(yaw), math.sin(yaw)
    turned = inside @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + truth.center
    found = upright_box(np.concatenate([corners_of(truth), turned]))
    np.testing.assert_allclose(found.center, truth.center, atol=1e-9)
    np.testing.assert_allclose(found.size, truth.size, atol=1e-9)
    assert found.yaw == pytest.approx(yaw, abs=1e-6)


def test_far_from_the_origin_nothing_is_lost() -> None:
    corners = corners_of(Box(np.array([19e3, -19e3, 5.0]), np.array([1.0, 0.5, 0.3]), 0.4))
    found = upright_box(corners)
    np.testing.assert_allclose(found.size, [1.0, 0.5, 0.3], atol=1e-6)
    assert found.yaw == pytest.approx(0.4, abs=1e-6)


@pytest.mark.parametrize(
    ("points", "size", "yaw"),
    [
        ([[1, 2, 3]], [0, 0, 0], 0.0),
        ([[1, 2, 3]] * 4, [0, 0, 0], 0.0),
        ([[0, 0, 0], [0, 0, 2]], [0, 0, 2], 0.0),
        ([[0, 0, 0], [1, 1, 0], [3, 3, 0]], [3 * math.sqrt(2), 0, 0], math.pi / 4),
        ([[0, 0, 0], [0, 4, 0]], [4, 0, 0], -math.pi / 2),
    ],
)
def test_degenerate_footprints(points: list, size: list, yaw: float) -> None:
    box = upright_box(np.array(points, float))
    np.testing.assert_allclose(box.size, size, atol=1e-9)
    # A line's yaw is one of two that differ by half a turn.
    assert math.sin(box.yaw - yaw) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("points", [np.empty((0, 3)), np.zeros((2, 2)), np.full((1, 3), np.nan)])
def test_what_is_no_point_set_is_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"points"):
        upright_box(points)


COORDINATES = st.tuples(*[st.integers(-40, 40)] * 3)


@settings(deadline=None, max_examples=150)
@given(st.lists(COORDINATES, min_size=1, max_size=60, unique=True))
def test_box_encloses_the_voxels_and_none_is_smaller(coordinates: list) -> None:
    cells = np.array(coordinates)
    centers = (cells + 0.5) * 0.1
    inside = np.random.default_rng(len(cells)).uniform(0.01, 0.99, cells.shape)
    box, centroid = voxel_box(((cells + inside) * 0.1).astype(np.float32), MapGrid(0.1))
    assert max(box.distance(point) for point in centers) < 1e-9
    assert -math.pi / 2 <= box.yaw < math.pi / 2
    assert box.size[0] >= box.size[1] - 1e-6
    bare = box.size - 0.1
    assert bare[0] * bare[1] <= smallest_area_by_search(centers) + 1e-9
    np.testing.assert_allclose(centroid, centers.mean(axis=0), atol=1e-12)

    general = upright_box(centers, margin=0.1)
    np.testing.assert_allclose(general.size[:2].prod(), box.size[:2].prod(), rtol=1e-5)


def test_one_voxel_has_the_size_of_a_voxel() -> None:
    box, centroid = voxel_box(np.float32([[0.061, -0.021, 0.019]]), MapGrid(0.02))
    np.testing.assert_allclose(box.size, [0.02] * 3)
    np.testing.assert_allclose(box.center, [0.07, -0.03, 0.01])
    np.testing.assert_allclose(centroid, box.center)


def test_boxes_are_in_the_map_frame() -> None:
    origin = np.array([500_000.0, 4_649_776.0, 212.0])
    points = np.float32([[0.07, -0.03, 0.01], [0.07, 0.01, 0.01], [0.19, -0.03, 0.09]])
    here, there = (voxel_box(points, grid) for grid in (MapGrid(0.02), MapGrid(0.02, origin)))
    np.testing.assert_allclose(there[0].center - origin, here[0].center, atol=1e-9)
    np.testing.assert_allclose(there[1] - origin, here[1], atol=1e-9)
    np.testing.assert_array_equal(there[0].size, here[0].size)
    assert there[0].distance(origin) == pytest.approx(here[0].distance(np.zeros(3)), abs=1e-9)


def test_distance_is_to_the_surface_of_the_turned_box() -> None:
    box = Box(np.zeros(3), np.array([2 * math.sqrt(2)] * 2 + [1.0]), math.pi / 4)
    assert box.distance(np.array([1.9, 0, 0])) == 0  # on the diagonal that points along x
    assert box.distance(np.array([3.0, 0, 0])) == pytest.approx(1.0)
    assert box.distance(np.array([0, 0, 2.0])) == pytest.approx(1.5)
