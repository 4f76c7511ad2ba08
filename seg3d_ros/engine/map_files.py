"""Map files as the engine writes and reads them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.keyframes.archive import LoadedKeyframes, unpack_keyframes
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.objects.archive import unpack_objects
from seg3d_ros.objects.areas import Area, unpack_areas
from seg3d_ros.objects.moved_map import moved_map
from seg3d_ros.objects.relocalisation import recognise
from seg3d_ros.objects.storage import MAX_BYTES, Arrays, MapFile, MapFileError
from seg3d_ros.scene import Float64, Scene

_VOXEL_BYTES = 64  # in a map file, at most
_OBJECT_BYTES = 16_384  # with its embedding and name, without its voxels

log = logging.getLogger(__name__)


class LoadedMap(NamedTuple):
    """Content of a map file, ready to take the place of what is known.

    Attributes:
        map: the voxels.
        scene: snapshot of them.
        objects: arrays of `ObjectMap.to_arrays`.
        keyframes: with the next free id.
        areas: named parts of the map.
    """

    map: VoxelMap
    scene: Scene
    objects: Arrays
    keyframes: LoadedKeyframes
    areas: tuple[Area, ...]


def unpack_map(file: MapFile, settings: PerceptionSettings) -> LoadedMap:
    """Rebuild what a map file holds; the objects, which need those that are known, come later.

    Raises:
        InputError: an array is missing or of another kind, or its values are impossible.
    """
    loaded = VoxelMap(settings.map, settings.input)
    loaded.load_arrays(file.voxels)
    return LoadedMap(
        loaded,
        loaded.snapshot(),
        file.objects,
        unpack_keyframes(file.keyframes),
        unpack_areas(file.objects),
    )


def moved_here(file: MapFile, voxel_map: VoxelMap, state: WorldState) -> tuple[MapFile, Float64]:
    """Content of a file in its place in the map so far, and the transform (4, 4) that moved it.

    Args:
        file: to be placed.
        voxel_map: of now, of the same voxel size.
        state: its objects.

    Raises:
        EmptyMapError: there is no map to find the place in.
        InputError: the file is damaged, or has another voxel size.
        NotRecognisedError: the file's map is not sure to be of this place.
    """
    if not len(voxel_map):
        raise EmptyMapError
    of_file = VoxelMap(voxel_map.settings)
    of_file.load_arrays(file.voxels)
    scene = of_file.snapshot()
    objects = unpack_objects(file.objects, scene).objects
    found = recognise(scene, objects, voxel_map.snapshot(), state.objects)
    log.info(
        "relocalised by %d objects; %.0f %% of the surfaces here are in the file",
        found.objects,
        100 * found.covered,
    )
    return moved_map(file, found.map_from_file, voxel_map.grid), found.map_from_file


@contextmanager
def refusing_map(path: str | Path) -> Iterator[None]:
    """Context in which wrong content is told as a fault of a map file.

    Raises:
        MapFileError: an InputError came up.
    """
    try:
        yield
    except InputError as error:
        raise MapFileError(f"the map {path} does not fit: {error}") from error


def largest_file(settings: PerceptionSettings) -> int:
    """Bytes of the largest map that these settings allow; what can be saved can be loaded."""
    size = _VOXEL_BYTES * settings.map.max_voxels + _OBJECT_BYTES * settings.tracking.max_objects
    return max(MAX_BYTES, size + settings.views.memory * 10**6)
