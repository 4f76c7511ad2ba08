import numpy as np
import pytest

from seg3d_ros.synthesis.mesh import Mesh, joined, plain
from seg3d_ros.synthesis.supports import CELL, Support, find_supports

pytest.importorskip("open3d")


def board(low: tuple[float, ...], high: tuple[float, ...]) -> Mesh:
    """An axis-aligned box."""
    corners = np.array([low, high], np.float32)
    vertices = np.array([corners[[i, j, k], [0, 1, 2]] for i, j, k in np.ndindex(2, 2, 2)])
    quads = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    uv = np.zeros((12, 3, 2), np.float32)
    return Mesh(vertices, faces, uv, np.zeros(12, np.int32), [plain(1, 1, 1)])


def test_a_shelf_has_its_boards_as_levels() -> None:
    """Two boards 0.4 m apart, 1 m wide, open towards the front, with a back."""
    shelf = joined(
        [
            board((-0.5, -0.2, 0.30), (0.5, 0.2, 0.32)),
            board((-0.5, -0.2, 0.70), (0.5, 0.2, 0.72)),
            board((-0.5, 0.19, 0.0), (0.5, 0.2, 0.72)),
        ]
    )
    levels = sorted(find_supports(shelf), key=lambda support: support.height)
    np.testing.assert_allclose([level.height for level in levels], [0.32, 0.72], atol=1e-3)
    lower, upper = levels
    np.testing.assert_allclose(lower.clearance[2, 5], 0.38, atol=1e-3)
    assert (upper.clearance > 1).all()


def test_a_closed_cupboard_carries_things_on_its_top_only() -> None:
    cupboard = joined(
        [board((-0.5, -0.2, 0), (0.5, 0.2, 1)), board((-0.4, -0.1, 0.5), (0.4, 0.1, 0.51))]
    )
    (top,) = find_supports(cupboard)
    assert top.height == pytest.approx(1)


def test_a_slope_carries_nothing() -> None:
    slope = board((-0.5, -0.5, 0), (0.5, 0.5, 0.02))
    slope.vertices[:, 2] += slope.vertices[:, 0]
    assert find_supports(slope) == []


def test_spots_are_where_the_whole_thing_has_room() -> None:
    clearance = np.zeros((4, 6), np.float32)
    clearance[1:3, 1:5] = 0.3
    support = Support(1.0, clearance)
    spots = support.spots(2 * CELL, 2 * CELL, 0.2, scale=1)
    np.testing.assert_allclose(spots, [(-CELL, 0), (0, 0), (CELL, 0)], atol=1e-9)
    assert len(support.spots(2 * CELL, 2 * CELL, 0.4, scale=1)) == 0  # too high
    assert len(support.spots(2 * CELL, 3 * CELL, 0.2, scale=1)) == 0  # too deep
    assert len(support.spots(9, 9, 0.2, scale=1)) == 0  # larger than the whole grid
    larger = support.spots(4 * CELL, 4 * CELL, 0.4, scale=2)
    np.testing.assert_allclose(larger, 2 * spots, atol=1e-9)
