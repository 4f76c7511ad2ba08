"""Orientation of normals: out of the objects, towards the sensor.

A scene does not say from where its points were seen. The sign is carried from voxel to voxel in
the order of how well their normals agree (Hoppe et al., "Surface reconstruction from unorganized
points", SIGGRAPH 1992). Where the surface branches that sign is a guess, so planes are then
turned to the side on which things stand, and clearly convex bodies outwards.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.segmenters.geometric.plane_fronts import plane_fronts
from seg3d_ros.segmenters.geometric.planes import Planes
from seg3d_ros.segmenters.geometric.surface import Int32, Surface, dot, square_distance

CARRY_DISTANCE = 1.75  # voxels; farther neighbours may lie on the other side of something thin
OWN_WEIGHT = 1.5  # of a plane's front or a body's convexity, against the sign carried to it


def orient_normals(surface: Surface, planes: Planes) -> tuple[Float64, Planes]:
    """Choose the sign of every normal.

    Returns:
        (normals, planes): (N, 3) float64 normals of the surface whose signs agree between
        neighbours, and the planes, turned to their front.
    """
    first, second = _best_pairs(surface, planes.plane_of)
    fronts = plane_fronts(surface, planes)
    free = planes.plane_of < 0
    on_plane = np.flatnonzero(~free).astype(np.int32)
    own = planes.plane_of[on_plane]
    along = _dot(surface.normals, planes.normals, on_plane, own)
    votes = fronts[own] * np.sign(along)
    signs = _carry_everywhere(surface, on_plane, own, votes, first, second)
    of_plane = _plane_signs(fronts, own, along * signs[on_plane])
    off_planes = free[first] & free[second]
    rows = np.flatnonzero(free)
    signs[rows] = _body_signs(surface, signs, rows, first[off_planes], second[off_planes])
    signs[on_plane] = np.where(along * of_plane[own] < 0.0, -1.0, 1.0)
    normals, offsets = planes.normals * of_plane[:, None], planes.offsets * of_plane
    return surface.normals * signs[:, None], replace(planes, normals=normals, offsets=offsets)


def _carry_everywhere(
    surface: Surface, on_plane: Int32, own: Int32, votes: Float64, first: Int32, second: Int32
) -> Float64:
    """Signs (N,) from voxel to voxel over everything that is connected; planes vote for the whole.

    Args:
        surface: voxels and their normals.
        on_plane: (K,) voxels on planes.
        own: (K,) plane of each.
        votes: (K,) of each for the sign that its normal has, in [-1, 1].
        first: (P,) pairs of voxels, the best first.
        second: (P,) the other voxel of each.
    """
    of_plane = np.zeros(int(own.max(initial=-1)) + 1, np.int32)
    of_plane[own[::-1]] = on_plane[::-1]  # the first voxel of each: a plane has one front
    part, flipped = carry_signs(
        surface.normals,
        np.concatenate([on_plane, first]),
        np.concatenate([of_plane[own], second]),
    )
    signs = np.where(flipped, -1.0, 1.0)
    outward = _outwardness(surface.points, surface.normals, signs, part)
    # A voxel of a plane outweighs "away from the center", which is wrong inside a room.
    outward += np.bincount(part[on_plane], votes * signs[on_plane], minlength=len(outward))
    signs[outward[part] < 0] *= -1.0
    return signs


def _plane_signs(fronts: Float64, own: Int32, along: Float64) -> Float64:
    """Sign (P,) that turns each plane to the side where things stand, or its surroundings say."""
    votes = np.bincount(own, np.sign(along), minlength=len(fronts))
    return np.where(OWN_WEIGHT * fronts + np.sign(votes) < 0.0, -1.0, 1.0)


def _body_signs(
    surface: Surface, signs: Float64, rows: Int64, first: Int32, second: Int32
) -> Float64:
    """Signs of the voxels between the planes, outwards where a body is clearly convex.

    The floor goes on under a thing that was put down while the map was made; the sign that is
    carried up its sides from there is a matter of chance.
    """
    part, flipped = carry_signs(surface.normals, first, second)
    part, alone = part[rows], np.where(flipped[rows], -1.0, 1.0)
    normals = surface.normals[rows]
    outward = _outwardness(surface.points[rows], normals, alone, part)
    size = np.bincount(part)
    same = np.bincount(part, alone * signs[rows] * normals.any(axis=1))
    turned = OWN_WEIGHT * outward + same / np.maximum(size, 1) < 0
    return np.where(turned[part], -alone, alone)


def _outwardness(points: Float64, normals: Float64, signs: Float64, part: Int32) -> Float64:
    """Mean cosine of normals with the way out of their part's center, in [-1, 1], by part."""
    size = np.maximum(np.bincount(part), 1)
    away = np.zeros(len(points))
    for axis in range(3):
        center = np.bincount(part, points[:, axis]) / size
        away += normals[:, axis] * (points[:, axis] - center[part])
    total = np.bincount(part, np.abs(away))
    outwardness: Float64 = np.bincount(part, away * signs) / np.maximum(total, 1e-12)
    return outwardness


def _dot(a: Float64, b: Float64, rows_of_a: Int32, rows_of_b: Int32) -> Float64:
    """Products of rows of two (…, 3) arrays, without copies of both."""
    product = np.zeros(len(rows_of_a))
    for axis in range(3):
        product += a[rows_of_a, axis] * b[rows_of_b, axis]
    return product


@kernel
def _best_pairs(surface, plane_of):  # type: ignore[no-untyped-def]
    """Close pairs i < j, those first whose normals agree best up to sign, in 256 steps.

    Without those on one plane, whose signs are tied already.
    """
    points, normals = surface.points, surface.normals
    reach = (CARRY_DISTANCE * surface.voxel_size) ** 2
    first = np.empty(surface.neighbors.size // 2, np.int32)
    second = np.empty(surface.neighbors.size // 2, np.int32)
    agreement = np.empty(surface.neighbors.size // 2, np.uint8)
    places = np.zeros(256, np.int64)
    count = 0
    for i in range(len(points)):
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            square = square_distance(points, i, j)
            if j < i or square > reach or (plane_of[i] >= 0 and plane_of[j] == plane_of[i]):
                continue
            if normals[i, 0] == 0.0 and normals[i, 1] == 0.0 and normals[i, 2] == 0.0:
                continue
            # The step between them, seen along either normal.
            across_i = dot(points, j, normals, i) - dot(points, i, normals, i)
            across_j = dot(points, j, normals, j) - dot(points, i, normals, j)
            across = max(across_i * across_i, across_j * across_j)
            along = max(0.0, 1.0 - across / max(square, 1e-12))
            first[count], second[count] = i, j
            agreement[count] = np.uint8(255.0 * along * abs(dot(normals, i, normals, j)))
            places[agreement[count]] += 1
            count += 1
    end = count
    for step in range(256):  # counting sort
        end -= places[step]
        places[step] = end
    best_first, best_second = np.empty(count, np.int32), np.empty(count, np.int32)
    for pair in range(count):
        at = places[agreement[pair]]
        places[agreement[pair]] += 1
        best_first[at], best_second[at] = first[pair], second[pair]
    return best_first, best_second


@kernel
def carry_signs(normals, first, second):  # type: ignore[no-untyped-def]
    """Union-find with a sign on each link; returns the part of each voxel and whether to flip."""
    parent = np.arange(normals.shape[0]).astype(np.int32)
    flip = np.zeros(normals.shape[0], np.bool_)  # relative to the parent
    for pair in range(first.size):
        i, j = first[pair], second[pair]
        root_i, flip_i = _root(parent, flip, i)
        root_j, flip_j = _root(parent, flip, j)
        if root_i == root_j:
            continue
        high, low = max(root_i, root_j), min(root_i, root_j)
        parent[high] = low
        flip[high] = flip_i ^ flip_j ^ (dot(normals, i, normals, j) < 0.0)
    for i in range(parent.size):  # parents come first, so theirs are final already
        up = parent[i]
        if up != i:
            parent[i] = parent[up]
            flip[i] ^= flip[up]
    return parent, flip


@kernel
def _root(parent, flip, i):  # type: ignore[no-untyped-def]
    turned = False
    while parent[i] != i:
        up = parent[i]
        if parent[up] != up:  # halve the path
            flip[i] ^= flip[up]
            parent[i] = parent[up]
        turned ^= flip[i]
        i = parent[i]
    return i, turned
