from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.viewer.detail import MAX_LEVEL, estimated_points, levels_for
from seg3d_ros.viewer.tiles import MAX_TILES, TiledCloud, tile_grid


def floor(edge: float, step: float = 0.1) -> np.ndarray:
    """(N, 3) points of a square floor around zero, one in each cell of a grid."""
    axis = np.arange(-edge / 2 + step / 2, edge / 2, step)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x, y, np.full_like(x, 0.05)], -1).reshape(-1, 3).astype(np.float32)


def test_each_point_lies_in_its_tile():
    points = np.random.default_rng(0).uniform(-3, 3, (5000, 3)).astype(np.float32)
    grid = tile_grid(points)
    assert sorted(grid.order) == list(range(5000))
    of_point = np.repeat(grid.cells, np.diff(grid.starts), axis=0)
    assert (np.floor(points[grid.order] / grid.edge) == of_point).all()


def test_tiles_of_a_wide_scene_are_larger():
    points = floor(100.0, 0.5)
    grid = tile_grid(points)
    assert grid.edge == 4.0  # 10,000 tiles of 1 m, 2,500 of 2 m, 625 and the rims of 4 m
    assert len(grid.cells) <= MAX_TILES


def test_only_tiles_that_changed_have_another_digest():
    points = floor(4.0)
    moved = points.copy()
    row = np.flatnonzero((points[:, 0] > 1) & (points[:, 1] > 1))[0]
    moved[row, 2] += 0.02
    before, after = (TiledCloud(p, 0.1) for p in (points, moved))
    changed = [a != b for a, b in zip(before.geometry, after.geometry, strict=True)]
    (tile,) = np.flatnonzero(changed)
    assert before.grid.cells[tile].tolist() == [1, 1, 0]


def test_other_colours_leave_the_geometry():
    points = floor(4.0)
    cloud = TiledCloud(points, 0.1)
    colors = np.full((len(points), 3), 9, np.uint8)
    other = colors.copy()
    other[0] = 200
    first, second = cloud.painted(colors), cloud.painted(other)
    assert first.geometry == second.geometry
    assert sum(a != b for a, b in zip(first.shades, second.shades, strict=True)) == 1


def test_positions_come_back_within_half_a_millimetre():
    points = np.random.default_rng(1).uniform(50, 54, (2000, 3)).astype(np.float32)
    cloud = TiledCloud(points, 0.02)
    for tile in range(len(cloud)):
        rows = cloud.rows(tile, 0, np.inf)
        placed = cloud.near(rows).astype(np.float32) + cloud.grid.centers[tile]
        assert np.abs(placed - points[cloud.grid.order[rows]]).max() < 5e-4


@pytest.mark.parametrize(("level", "count"), [(0, 100), (1, 25), (2, 9)])
def test_a_level_shows_a_point_in_each_coarser_cell(level, count):
    cloud = TiledCloud(floor(4.0), 0.1)
    tile = cloud.grid.cells.tolist().index([0, 0, 0])
    assert len(cloud.rows(tile, level, np.inf)) == count  # 10, 5 and 2.5 cells along a metre


def test_what_is_above_the_ceiling_is_left_out():
    points = np.array([(0.5, 0.5, z / 10) for z in range(10)], np.float32)
    cloud = TiledCloud(points, 0.05)
    assert len(cloud.rows(0, 0, 0.45)) == 5


def test_levels_follow_the_distance_and_the_most_points():
    cloud = TiledCloud(floor(30.0, 0.05), 0.05)
    eye = np.array([-15.0, 0.0, 1.5])
    near_first = np.argsort(np.linalg.norm(cloud.grid.centers - eye, axis=1))
    levels = levels_for(cloud, eye, 600.0, max_points=10**9)[near_first]
    assert levels[0] == 0
    assert levels[-1] == 1  # 29 m away 5 cm look like 1.0 pixel; 1.5 are asked for
    assert (np.diff(levels) >= 0).mean() > 0.99
    few = levels_for(cloud, eye, 600.0, max_points=20_000)
    assert estimated_points(cloud, few).sum() <= 20_000
    assert levels_for(cloud, eye, 600.0, max_points=1).min() == MAX_LEVEL
