"""Faces of closed furniture, told from floors, walls and table tops.

A cabinet's front is as large and flat as a piece of wall. But a good share of its rim bends
backwards into other surfaces of the same body, while a floor, a wall or a table top ends in the
open or in a crease. Faces go back to their body; the other planes stay removed.
"""

from __future__ import annotations

import numpy as np

from seg3d_ros.distinct import distinct
from seg3d_ros.kernels import kernel
from seg3d_ros.masks import rows_by_label
from seg3d_ros.scene import Bool
from seg3d_ros.segmenters.geometric.contraction import join
from seg3d_ros.segmenters.geometric.convexity import CONTACT_DISTANCE
from seg3d_ros.segmenters.geometric.planes import Planes, covered_area
from seg3d_ros.segmenters.geometric.point_blocks import PointBlocks
from seg3d_ros.segmenters.geometric.surface import Int32, Surface, dot, square_distance

ROOM_AREA = 2.5  # m²; larger planes are floors and walls
SHEET_DISTANCE_M = 0.1  # from a floor or wall to a second picture of it, put there by pose errors
PARALLEL = 0.95  # cosine of the angle between those
MIN_DEPTH_M = 0.12  # how far a body reaches back behind its face; a table top's edge does not
MIN_RIM_SHARE = 0.2
BEHIND_SHARE = 0.9  # of the body's voxels
_BLOCK = 12.0  # voxels


def give_faces_to_bodies(surface: Surface, planes: Planes, part_of: Int32) -> tuple[Int32, Int32]:
    """Move the voxels of faces from their planes to the parts they belong to.

    Args:
        surface: voxels and neighbours.
        planes: dominant planes, normals pointing to their front.
        part_of: (N,) int32 part of each voxel, -1 on planes.

    Returns:
        (plane_of, part_of): (N,) int32 each, -1 for none; bodies that share a face are one part.
    """
    parts = int(part_of.max(initial=-1)) + 1
    label = np.where(planes.plane_of >= 0, parts + planes.plane_of, part_of).astype(np.int32)
    total = parts + len(planes)
    if not len(planes):
        return planes.plane_of, part_of
    behind = _lie_behind(surface, planes, label, total)
    behind[:, parts:] &= behind[:, parts:].T.copy()  # two faces: each lies behind the other
    voxel, other = _touching(surface, label, parts)
    face = _faces(surface, planes, behind, voxel, other)
    plane = planes.plane_of[voxel]
    linked = face[plane] & behind[plane, other]
    linked &= (other < parts) | face[np.maximum(other - parts, 0)]
    joined = join(total, parts + plane[linked], other[linked])
    on_plane = planes.plane_of >= 0
    on_face = on_plane & face[planes.plane_of]
    return (
        np.where(on_face, -1, planes.plane_of).astype(np.int32),
        np.where(on_plane & ~on_face, -1, joined[label]).astype(np.int32),
    )


def _lie_behind(surface: Surface, planes: Planes, label: Int32, total: int) -> Bool:
    """Of which planes the body of each label lies behind, (P, labels) bool."""
    rows = np.flatnonzero(label >= 0)
    blocks = PointBlocks.of(
        surface.points[rows], _BLOCK * surface.voxel_size, label[rows].astype(np.int64)
    )
    inside, deep = _count_behind(
        *(blocks.points, blocks.starts, blocks.centers, 0.501 * blocks.edge),
        label[rows[blocks.order[blocks.starts[:-1]]]],
        *(planes.normals, planes.offsets, surface.voxel_size, total),
    )
    size = np.bincount(label[rows], minlength=total)
    behind: Bool = deep & (inside >= BEHIND_SHARE * size)
    return behind


def _faces(surface: Surface, planes: Planes, behind: Bool, voxel: Int32, other: Int32) -> Bool:
    """Planes of which enough of the rim bends backwards into a body, (P,) bool."""
    plane = planes.plane_of[voxel]
    bent = distinct(voxel[behind[plane, other]])
    # The voxels that touch a neighbouring surface form a band two voxels wide.
    bent_of_plane = rows_by_label(planes.plane_of[bent], len(planes))
    bent_length = np.array(
        [
            covered_area(surface, bent[rows], normal)
            for rows, normal in zip(bent_of_plane, planes.normals, strict=True)
        ]
    ) / (2.0 * surface.voxel_size)
    rim_length = 4.0 * np.sqrt(planes.areas)
    return ~_is_of_room(surface, planes) & (bent_length > MIN_RIM_SHARE * rim_length)


def _is_of_room(surface: Surface, planes: Planes) -> Bool:
    """Floors and walls, by their area, and planes that are shifted pictures of one, (P,) bool."""
    own = np.maximum(planes.plane_of, 0)
    on_plane = planes.plane_of >= 0
    size = np.maximum(np.bincount(own, on_plane, minlength=len(planes)), 1)
    center = np.stack(
        [
            np.bincount(own, surface.points[:, axis] * on_plane, minlength=len(planes)) / size
            for axis in range(3)
        ],
        axis=1,
    )
    large = planes.areas >= ROOM_AREA
    distance = np.abs(center @ planes.normals[large].T - planes.offsets[large])
    cosine = np.abs(planes.normals @ planes.normals[large].T)
    sheet = np.any((distance < SHEET_DISTANCE_M) & (cosine > PARALLEL), axis=1)
    of_room: Bool = large | sheet
    return of_room


@kernel
def _touching(surface, label, parts):  # type: ignore[no-untyped-def]
    """Voxels on planes (labels from `parts` on) and the other labels they touch, with repeats."""
    reach = (CONTACT_DISTANCE * surface.voxel_size) ** 2
    voxel = np.empty(surface.neighbors.size, np.int32)
    other = np.empty(surface.neighbors.size, np.int32)
    count = 0
    for i in range(label.size):
        if label[i] < parts:
            continue
        last = label[i]
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            if label[j] < 0 or label[j] == label[i] or label[j] == last:
                continue
            if square_distance(surface.points, i, j) <= reach:
                last = label[j]
                voxel[count], other[count] = i, last
                count += 1
    return voxel[:count].copy(), other[:count].copy()


@kernel
def _count_behind(  # type: ignore[no-untyped-def]
    points, starts, centers, half, label, normals, offsets, tolerance, labels
):
    """Of each plane and label: voxels that are not before it, and whether any lies deep behind.

    Points are asked one by one only where the plane passes through their block.
    """
    inside = np.zeros((len(offsets), labels), np.int64)
    deep = np.zeros((len(offsets), labels), np.bool_)
    for p in range(len(offsets)):
        slack = half * (abs(normals[p, 0]) + abs(normals[p, 1]) + abs(normals[p, 2]))
        for block in range(len(label)):
            own = label[block]
            depth = offsets[p] - dot(centers, block, normals, p)
            if depth + slack <= -tolerance:
                continue
            if depth - slack > MIN_DEPTH_M:
                inside[p, own] += starts[block + 1] - starts[block]
                deep[p, own] = True
                continue
            for i in range(starts[block], starts[block + 1]):
                depth = offsets[p] - dot(points, i, normals, p)
                inside[p, own] += depth > -tolerance
                deep[p, own] |= depth > MIN_DEPTH_M
    return inside, deep
