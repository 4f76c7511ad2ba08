"""A room of voxel blocks with names given by hand, for relations between them."""

from __future__ import annotations

import numpy as np

from seg3d_ros.masks import Masks
from seg3d_ros.objects.edits import Rename
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.sparse.voxel_keys import pack_keys, unpack_keys

VOXEL = 0.05
ORIGIN = np.array([500_000.0, 4_000_000.0, 100.0])  # of UTM coordinates

Cells = np.ndarray


def block(low: tuple[int, int, int], size: tuple[int, int, int]) -> Cells:
    """Voxels (N, 3) of a solid block."""
    return np.indices(size).reshape(3, -1).T + np.array(low)


def table(x: int, y: int) -> Cells:
    """A top of 1 m x 0.6 m at 0.7 m, on four legs."""
    legs = [block((x + i, y + j, 1), (1, 1, 13)) for i in (0, 19) for j in (0, 11)]
    return np.concatenate([block((x, y, 14), (20, 12, 1)), *legs])


def chair(x: int, y: int) -> Cells:
    """A seat of 0.4 m at 0.45 m with a back at high x."""
    legs = [block((x + i, y + j, 1), (1, 1, 8)) for i in (0, 7) for j in (0, 7)]
    return np.concatenate([block((x, y, 9), (8, 8, 1)), block((x + 7, y, 10), (1, 8, 9)), *legs])


def bin_(x: int, y: int) -> Cells:
    """Four walls of 0.4 m and a bottom, open above."""
    solid, hollow = block((x, y, 1), (8, 8, 8)), block((x + 1, y + 1, 2), (6, 6, 7))
    keys = np.setdiff1d(pack_keys(solid), pack_keys(hollow))
    return unpack_keys(keys).astype(np.int64)


ROOM: dict[str, Cells] = {
    "floor": block((0, 0, 0), (100, 80, 1)),
    "wall": block((100, 0, 0), (1, 80, 50)),
    "door": block((0, 30, 1), (1, 18, 40)),
    "table": table(40, 40),
    "cup": block((50, 45, 15), (2, 2, 2)),
    "chair": chair(42, 36),  # half under the table
    "armchair": chair(80, 10),
    "stool": chair(10, 60),
    "bin": bin_(70, 60),
    "ball": block((72, 62, 2), (3, 3, 3)),
    "picture": block((99, 30, 30), (1, 10, 8)),
    "lamp": block((48, 44, 36), (6, 6, 4)),
    "rug": block((20, 10, 1), (20, 16, 1)),
}


def scene_of(parts: dict[str, Cells]) -> Scene:
    """All voxels of the parts."""
    every = np.unique(np.concatenate([pack_keys(cells) for cells in parts.values()]))
    points = ((unpack_keys(every) + 0.5) * VOXEL).astype(np.float32)
    return Scene(points, np.zeros_like(points), every, VOXEL, stamp_ns=10**9, origin=ORIGIN)


def furnished(**parts: Cells) -> ObjectMap:
    """The room, or one of other parts, with the names that the parts have."""
    parts = parts or ROOM
    scene = scene_of(parts)
    keys = [pack_keys(cells) for cells in parts.values()]
    masks = np.stack([np.isin(scene.element_ids, part) for part in keys])
    found = ObjectMap(TrackingSettings(confirm_views=1, min_object_voxels=1))
    found.update(scene, Instances(Masks.of(masks), np.full(len(masks), 0.8, np.float32)))
    for known in found.confirmed():
        held = [len(np.intersect1d(known.element_ids, part)) for part in keys]
        found.edit(Rename(known.id, list(parts)[int(np.argmax(held))]))
    return found
