from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.pictures.point_splatting import View, edge_shade, splat

VIEW = View(40, 30, 50.0, (20.0, 15.0), np.eye(4))


def slow_splat(points: np.ndarray, view: View, point_size: float) -> np.ndarray:
    """Every pixel looks at every point."""
    rows = np.full((view.height, view.width), -1)
    best = np.full(rows.shape, np.inf, np.float32)
    for row, (u, v, z) in enumerate(view.project(points)):
        radius = max(0.5 * view.focal * point_size / z, 0.75)
        y, x = np.mgrid[: view.height, : view.width]
        distance = ((x - u) ** 2 + (y - v) ** 2) / radius**2
        depth = (z + distance * point_size).astype(np.float32)
        nearer = (distance <= 1) & (depth < best)
        rows[nearer], best[nearer] = row, depth[nearer]
    return rows


@given(st.integers(0, 2**32 - 1))
def test_the_same_as_a_slow_renderer(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform((-0.5, -0.5, 1), (0.5, 0.5, 2), (30, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        splat(points, VIEW, point_size=0.1).rows, slow_splat(points, VIEW, 0.1)
    )


def test_the_nearer_of_two_points_is_seen_whatever_their_order():
    points = np.array([[0, 0, 1], [0, 0, 2]], np.float32)
    for order in ([0, 1], [1, 0]):
        seen = splat(points[order], VIEW, point_size=0.1)
        assert order[seen.rows[15, 20]] == 0
        assert seen.depth[15, 20] == pytest.approx(1)


def test_what_is_behind_the_viewer_or_outside_the_image_is_not_drawn():
    points = np.array([[0, 0, -1], [0, 0, 0.01], [5, 0, 1]], np.float32)
    assert (splat(points, VIEW, point_size=0.1).rows == -1).all()


def test_an_enlarged_view_projects_the_same_points_further_apart():
    points = np.array([[0.1, -0.2, 1.5]])
    np.testing.assert_allclose(VIEW.enlarged(3).project(points), VIEW.project(points) * (3, 3, 1))


def test_only_what_lies_behind_an_edge_is_darkened():
    depth = np.full((20, 20), np.inf, np.float32)
    depth[:, :10], depth[:, 10:] = 1.0, 1.5
    shade = edge_shade(depth, tolerance=0.02)
    np.testing.assert_array_equal(shade[:, :10], 1)
    assert (shade[:, 10] < 0.95).all()
    np.testing.assert_array_equal(shade[:, 15:], 1)


def test_a_slope_within_the_tolerance_and_empty_pixels_are_not_shaded():
    slope = np.tile(1 + 0.01 * np.arange(20, dtype=np.float32), (20, 1))
    np.testing.assert_array_equal(edge_shade(slope, tolerance=0.011), 1)
    np.testing.assert_array_equal(edge_shade(np.full((5, 5), np.inf, np.float32), tolerance=0), 1)
