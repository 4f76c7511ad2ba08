from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.pictures.point_splatting import splat
from seg3d_ros.pictures.viewpoint import below_lid, best_view, wall_points


def test_the_lid_takes_the_ceiling_off_and_leaves_the_rest(room):
    kept = below_lid(room.points)
    assert room.points[kept, 2].max() < 2.1
    assert kept[room.points[:, 2] < 1.9].all()


def test_walls_are_walls_and_nothing_else_is(room, in_block):
    points = room.points[below_lid(room.points)]
    walls = wall_points(points)
    edge = (points[:, :2] < 0.1).any(axis=1) | (points[:, :2] > (3.9, 2.9)).any(axis=1)
    np.testing.assert_array_equal(walls, edge)


@pytest.mark.parametrize("shift", [(0, 0, 0), (-300, 700, 12)])
def test_the_object_in_a_closed_room_is_in_full_view(room, in_block, shift):
    inside = in_block(room.points)
    kept = below_lid(room.points)
    points = (room.points + shift).astype(np.float32)[kept]
    view, drawn = best_view(points, inside[kept], size=(400, 300))
    top = np.flatnonzero(inside[kept][drawn] & (points[drawn, 2] > 0.57 + shift[2]))
    seen = np.unique(splat(points[drawn], view, point_size=0.1).rows)
    assert np.isin(top, seen).mean() > 0.9
    pixels = view.project(points[drawn])
    inside_image = (pixels[:, :2] > 0).all(axis=1) & (pixels[:, :2] < (400, 300)).all(axis=1)
    assert inside_image.mean() > 0.99


def test_walls_that_belong_to_an_object_stay(room):
    wall = room.points[:, 0] < 0.05
    _, drawn = best_view(room.points, wall, size=(200, 200))
    assert drawn[wall].all()
    _, drawn = best_view(room.points, np.zeros(len(room), bool), size=(200, 200))
    assert not drawn.all()


def test_a_single_point_can_be_looked_at():
    view, drawn = best_view(np.ones((1, 3), np.float32), np.zeros(1, bool), size=(100, 100))
    np.testing.assert_allclose(view.project(np.ones((1, 3)))[0, :2], 50, atol=1)
    assert drawn.all()
