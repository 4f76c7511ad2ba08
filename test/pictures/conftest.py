from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.elements import elements_of_scene
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Scene
from seg3d_ros.sparse.voxel_keys import keys_of_points

VOXEL = 0.05


def _room() -> np.ndarray:
    """Points (N, 3) of a closed room 4 x 3 x 2.5 m with a block 0.6 m high in the middle."""
    size = np.array([80, 60, 50])
    cells = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    shell = (cells == 0).any(axis=1) | (cells == size - 1).any(axis=1)
    block = (np.abs(cells[:, :2] - (40, 30)) < 6).all(axis=1) & (cells[:, 2] < 12)
    return ((cells[shell | block] + 0.5) * VOXEL).astype(np.float32)


@pytest.fixture
def room() -> Scene:
    points = _room()
    colors = np.full(points.shape, 0.8, np.float32)
    return Scene(points, colors, keys_of_points(points, VOXEL), VOXEL)


@pytest.fixture
def in_block() -> Callable[[np.ndarray], np.ndarray]:
    def inside(points: np.ndarray) -> np.ndarray:
        flat = (np.abs(points[:, :2] - (2.0, 1.5)) < 0.35).all(axis=1)
        return flat & (points[:, 2] > VOXEL) & (points[:, 2] < 0.7)

    return inside


@pytest.fixture
def make_object(room) -> Callable[..., MapObject]:
    def make(mask: np.ndarray, *, object_id: int = 1) -> MapObject:
        body = elements_of_scene(room, np.flatnonzero(mask))
        box, centroid = voxel_box(body.points, room.grid)
        return MapObject(object_id, *body, box, centroid, 0.75, 10, 20, views=3)

    return make
