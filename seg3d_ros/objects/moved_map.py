"""Content of a map file moved to another place of the fixed frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.mapping.moved_voxels import MovedVoxels
from seg3d_ros.objects.edit_history import BODIES
from seg3d_ros.objects.storage import MapFile
from seg3d_ros.scene import Float64, Int64, MapGrid
from seg3d_ros.sensing.transforms import transformed


def moved_map(file: MapFile, map_from_file: Float64, grid: MapGrid) -> MapFile:
    """Content of a file, all of its positions moved.

    Args:
        file: whose voxels have been loaded once, so that they are known to be sound.
        map_from_file: (4, 4) rigid transform.
        grid: of the moved voxels; of the file's voxel size.

    Raises:
        InputError: a voxel is moved beyond the reach of the grid.
    """
    voxels, objects = MovedVoxels(file.voxels, map_from_file, grid), dict(file.objects)
    if "element_ids" in objects:
        objects |= _owned(voxels.ids(objects["element_ids"]), objects["element_count"])
    if f"{BODIES}element_ids" in objects:
        ends = np.cumsum(objects[f"{BODIES}element_count"])
        bodies = np.split(voxels.ids(objects[f"{BODIES}element_ids"]), ends)[:-1]
        bodies = [np.unique(body) for body in bodies]  # each for itself: of different times
        objects[f"{BODIES}element_ids"] = np.concatenate([np.empty(0, np.int64), *bodies])
        objects[f"{BODIES}element_count"] = np.array([len(body) for body in bodies], np.int64)
    for name in ("event_start", "event_end"):
        if name in objects:
            objects[name] = transformed(objects[name], map_from_file)
    if "area_corners" in objects:
        level = np.pad(objects["area_corners"], ((0, 0), (0, 1)))
        objects["area_corners"] = transformed(level, map_from_file)[:, :2]
    keyframes = dict(file.keyframes)
    if "map_from_camera" in keyframes:
        keyframes["map_from_camera"] = map_from_file @ keyframes["map_from_camera"]
    return file._replace(voxels=voxels.arrays, objects=objects, keyframes=keyframes)


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
