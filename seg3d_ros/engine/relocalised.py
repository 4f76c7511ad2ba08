"""Map files moved to where they lie in the map so far."""

from __future__ import annotations

import logging

from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.objects.archive import unpack_objects
from seg3d_ros.objects.moved_map import moved_map
from seg3d_ros.objects.relocalisation import recognise
from seg3d_ros.objects.storage import MapFile
from seg3d_ros.scene import Float64

log = logging.getLogger(__name__)


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
