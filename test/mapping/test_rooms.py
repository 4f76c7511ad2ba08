"""Rooms are cut out of a map of two, with furniture, a doorway and holes in what was seen."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.rooms import room_around
from seg3d_ros.objects.areas import Area
from seg3d_ros.scene import Scene

VOXEL = 0.05
ORIGIN = np.array([500_000.0, 4_000_000.0, 20.0])
FLOOR = ORIGIN[2]


def block(low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    """Points in the middles of the voxels of a block."""
    sides = [np.arange(a + VOXEL / 2, b, VOXEL) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)


def two_rooms(*, doorway: float = 0.9) -> Scene:
    """Rooms of 4 m x 3 m and 3 m x 3 m side by side; a wall with a doorway between them."""
    door = (1.0, 1.0 + doorway)
    parts = [
        block((0, 0, -0.05), (7.1, 3, 0)),
        block((-0.1, -0.1, 0), (0, 3.1, 2.4)),
        block((7.1, -0.1, 0), (7.2, 3.1, 2.4)),
        block((-0.1, -0.1, 0), (7.2, 0, 2.4)),
        block((-0.1, 3, 0), (7.2, 3.1, 2.4)),
        block((4, 0, 0), (4.1, door[0], 2.4)),
        block((4, door[1], 0), (4.1, 3, 2.4)),
        block((4, door[0], 2.0), (4.1, door[1], 2.4)),  # above the doorway
        block((1, 1, 0), (2, 2, 0.75)),  # a table
        block((0, 0, 2.35), (7.1, 3, 2.4)),  # the ceiling
    ]
    points = np.concatenate(parts)
    hole = np.abs(points[:, :2] - (3.0, 2.4)).max(axis=1) < 0.15  # of the floor
    points = points[~(hole & (points[:, 2] < 0.1))].astype(np.float32)
    ids = np.arange(len(points))
    return Scene(points, np.zeros_like(points), ids, VOXEL, origin=ORIGIN)


def places(low: tuple[float, float], high: tuple[float, float]) -> np.ndarray:
    """Places of a rectangle, map frame, some way from its border."""
    xs, ys = (np.linspace(a + 0.15, b - 0.15, 12) for a, b in zip(low, high, strict=True))
    return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2) + ORIGIN[:2]


@pytest.mark.parametrize(
    ("at", "own", "other"),
    [
        ((3.0, 1.5), ((0, 0), (4, 3)), ((4.1, 0), (7.1, 3))),
        ((1.5, 1.5), ((0, 0), (4, 3)), ((4.1, 0), (7.1, 3))),  # on the table
        ((6.0, 0.2), ((4.1, 0), (7.1, 3)), ((0, 0), (4, 3))),
    ],
)
def test_a_room_ends_at_its_walls_and_doorways(at, own, other) -> None:
    corners = room_around(two_rooms(), FLOOR, np.array(at) + ORIGIN[:2])
    area = Area("room", corners)
    assert np.mean([area.holds(place) for place in places(*own)]) > 0.97
    assert not any(area.holds(place) for place in places(*other))
    assert 4 <= len(corners) <= 20


def test_rooms_without_a_wall_between_them_are_one() -> None:
    corners = room_around(two_rooms(doorway=2.0), FLOOR, np.array([2.5, 0.5]) + ORIGIN[:2])
    area = Area("room", corners)
    both = np.concatenate([places((0, 0), (4, 3)), places((4.1, 0), (7.1, 3))])
    assert np.mean([area.holds(place) for place in both]) > 0.97


def test_outside_of_all_rooms_there_is_none() -> None:
    with pytest.raises(InputError, match="no room was seen"):
        room_around(two_rooms(), FLOOR, np.array([20.0, 0.0]) + ORIGIN[:2])
