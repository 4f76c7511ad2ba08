"""Content of a map file moved to another place of the fixed frame.

Voxels are averaged anew in the grid of the new place. Turned points fall two into some of its
voxels and none into others, so that a turned map has fewer of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.objects.storage import Arrays, MapFile
from seg3d_ros.scene import Float64, Int64, MapGrid
from seg3d_ros.sparse.hash_index import build_index, find_rows
from seg3d_ros.sparse.voxel_keys import pack_keys, unpack_keys


def moved_map(file: MapFile, map_from_file: Float64, grid: MapGrid) -> MapFile:
    """Content of a file, all of its positions moved.

    Args:
        file: whose voxels have been loaded once, so that they are known to be sound.
        map_from_file: (4, 4) rigid transform.
        grid: of the moved voxels; of the file's voxel size.

    Raises:
        InputError: a voxel is moved beyond the reach of the grid.
    """
    keys = file.voxels["keys"]
    origin = file.voxels.get("origin", np.zeros(3))
    means = (unpack_keys(keys) + file.voxels["means"][:, :3]) * grid.voxel_size
    points = np.asarray(means + origin, np.float64)
    cells, offsets = _cells(points, map_from_file, grid)
    moved_keys = pack_keys(cells)
    voxels = _merged(file.voxels, moved_keys, offsets, grid)
    objects = dict(file.objects)
    if "element_ids" in objects:
        ids = objects["element_ids"]
        rows = find_rows(build_index(keys), ids)
        # An element that has left the map before the file was written: the place of its voxel.
        lost = np.asarray((unpack_keys(ids) + 0.5) * grid.voxel_size + origin, np.float64)
        of_lost = pack_keys(_cells(lost, map_from_file, grid)[0])
        objects |= _owned(np.where(rows >= 0, moved_keys[rows], of_lost), objects["element_count"])
    for name in ("event_start", "event_end"):
        if name in objects:
            objects[name] = _moved(objects[name], map_from_file)
    if "area_corners" in objects:
        level = np.pad(objects["area_corners"], ((0, 0), (0, 1)))
        objects["area_corners"] = _moved(level, map_from_file)[:, :2]
    keyframes = dict(file.keyframes)
    if "map_from_camera" in keyframes:
        keyframes["map_from_camera"] = map_from_file @ keyframes["map_from_camera"]
    return file._replace(voxels=voxels, objects=objects, keyframes=keyframes)


def _moved(points: npt.NDArray[Any], map_from_file: Float64) -> Float64:
    """(N, 3) points moved."""
    moved: Float64 = points @ map_from_file[:3, :3].T + map_from_file[:3, 3]
    return moved


def _cells(points: Float64, map_from_file: Float64, grid: MapGrid) -> tuple[Int64, Float64]:
    """Cells (N, 3) of moved points, and where in them (N, 3) they lie, in [0, 1)."""
    scaled = grid.local_from_map(_moved(points, map_from_file)) / grid.voxel_size
    cells = np.floor(scaled)
    return cells.astype(np.int64), scaled - cells


def _merged(
    voxels: Arrays, moved_keys: Int64, offsets: Float64, grid: MapGrid
) -> dict[str, npt.NDArray[Any]]:
    """Voxels that fall together averaged by their weights."""
    order = np.argsort(moved_keys, kind="stable")
    keys, starts = np.unique(moved_keys[order], return_index=True)
    weights = voxels["weights"][order].astype(np.float64)
    values = np.column_stack([offsets, voxels["means"][:, 3:]])[order]
    total = np.add.reduceat(weights, starts) if len(keys) else weights
    sums = np.add.reduceat(values * weights[:, None], starts) if len(keys) else values
    last_seen = voxels["last_seen"][order]
    return {
        **voxels,
        "keys": keys,
        "means": (sums / total[:, None]).astype(np.float32),
        "weights": total.astype(np.float32),
        "last_seen": np.maximum.reduceat(last_seen, starts) if len(keys) else last_seen,
        "origin": np.array(grid.origin, np.float64),
    }


def _owned(element_ids: Int64, counts: Int64) -> dict[str, npt.NDArray[Any]]:
    """Elements of objects, each of one owner: of several the smallest, so that none ends."""
    owners = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((owners, counts[owners], element_ids))
    element_ids, owners = element_ids[order], owners[order]
    first = np.diff(element_ids, prepend=-1) > 0
    element_ids, owners = element_ids[first], owners[first]
    order = np.lexsort((element_ids, owners))
    return {
        "element_ids": element_ids[order],
        "element_count": np.bincount(owners, minlength=len(counts)).astype(np.int64),
    }
