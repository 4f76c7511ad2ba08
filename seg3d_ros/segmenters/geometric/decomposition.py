"""Decomposition of a scene into planes of the room and parts of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.scene import Float64, Int64, Scene
from seg3d_ros.segmenters.geometric.convexity import absorb_fragments, find_contacts, join_convex
from seg3d_ros.segmenters.geometric.furniture_faces import give_faces_to_bodies
from seg3d_ros.segmenters.geometric.orientation import orient_normals
from seg3d_ros.segmenters.geometric.planes import Planes, find_planes
from seg3d_ros.segmenters.geometric.settings import GeometricSettings
from seg3d_ros.segmenters.geometric.supervoxels import compact, cut_supervoxels
from seg3d_ros.segmenters.geometric.surface import Int32, Surface, build_surface
from seg3d_ros.sparse.scene_voxels import supported_voxel_size, voxelize_points

MAX_PLANE_ANGLE = np.radians(30.0)  # of a voxel's normal: noise and the blur near edges
SUPERVOXEL_RADIUS = 2.0  # voxels


@dataclass(frozen=True, eq=False)
class Decomposition:
    """A scene taken apart; arrays over voxels are in key order, as in `Surface`.

    Attributes:
        surface: voxels, neighbours.
        normals: (N, 3) float64 with signs.
        planes: planes with `plane_of` less those that turned out to be faces of a part.
        part_of: (N,) int32 part of each voxel, numbered without gaps; -1 on planes.
        row_of: (S,) row here of each point of the scene.
    """

    surface: Surface
    normals: Float64
    planes: Planes
    part_of: Int32
    row_of: Int64


def decompose(scene: Scene, settings: GeometricSettings) -> Decomposition:
    """Find planes and parts of a scene; see the modules of the single steps.

    All scales are in voxels. Where the points are too far apart for those of the scene, coarser
    voxels are taken, so that the scales follow the data.
    """
    size = supported_voxel_size(scene)
    if size == scene.voxel_size:
        return decompose_at(build_surface(scene), settings, (settings.concavity,))[0]
    coarse, rows = voxelize_points(scene.points, scene.colors, size)
    decomposition = decompose_at(build_surface(coarse), settings, (settings.concavity,))[0]
    return replace(decomposition, row_of=decomposition.row_of[rows])


def decompose_at(
    surface: Surface, settings: GeometricSettings, concavities: Sequence[float]
) -> list[Decomposition]:
    """Decompositions for several values of `settings.concavity`; most work is done once."""
    row_of = np.empty(len(surface.order), np.int64)
    row_of[surface.order] = np.arange(len(row_of))
    planes = find_planes(
        surface,
        min_area=settings.plane_area,
        thickness=settings.plane_thickness * surface.voxel_size,
        max_angle=MAX_PLANE_ANGLE,
    )
    normals, planes = orient_normals(surface, planes)
    supervoxels = cut_supervoxels(
        surface, normals, planes.plane_of < 0, radius=SUPERVOXEL_RADIUS * surface.voxel_size
    )
    contacts = find_contacts(surface, supervoxels.supervoxel_of)
    decompositions = []
    for concavity in concavities:
        joined = join_convex(supervoxels, contacts, tolerance=np.radians(concavity))
        part_of = np.append(joined, np.int32(-1))[supervoxels.supervoxel_of]
        part_of = absorb_fragments(
            part_of, find_contacts(surface, part_of), below=settings.min_voxels
        )
        plane_of, part_of = give_faces_to_bodies(surface, planes, compact(part_of))
        rest = Planes(planes.normals, planes.offsets, planes.areas, plane_of)
        decompositions.append(Decomposition(surface, normals, rest, compact(part_of), row_of))
    return decompositions
