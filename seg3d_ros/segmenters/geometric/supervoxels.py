"""Supervoxels: small smooth patches of surface, the units that convexity is judged on.

A voxel's normal is noisy and blurred at edges; the mean over a supervoxel of about 4x4 voxels is
neither. After Papon et al., "Voxel cloud connectivity segmentation" (CVPR 2013): local k-means in
position and normal, where a voxel may only join the supervoxel of a neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Bool, Float64
from seg3d_ros.segmenters.geometric.surface import Int32, Surface, dot, square_distance

ROUNDS = 4
STEP = 1.75  # voxels to a voxel whose supervoxel one may join
NORMAL_WEIGHT = 2.0  # a right angle weighs like this many supervoxel radii, squared


@dataclass(frozen=True, eq=False)
class Supervoxels:
    """A cover of the voxels that are on no plane.

    Attributes:
        supervoxel_of: (N,) int32 supervoxel of each voxel, -1 on planes.
        sizes: (P,) number of voxels.
        centers: (P, 3) float64, metres, in the frame of `Surface.points`.
        normals: (P, 3) float64 unit means of the voxels' normals; zero where they cancel out.
    """

    supervoxel_of: Int32
    sizes: Int32
    centers: Float64
    normals: Float64

    def __len__(self) -> int:
        return len(self.sizes)


def cut_supervoxels(
    surface: Surface, normals: Float64, free: Bool, *, radius: float
) -> Supervoxels:
    """Cut the `free` voxels into connected supervoxels of about `radius` metres.

    Args:
        surface: voxels and neighbours.
        normals: (N, 3) float64 with signs.
        free: (N,) bool, voxels to cover.
        radius: half the edge of a supervoxel, metres.
    """
    label = np.full(len(free), -1, np.int32)
    label[free] = _seed_cells(surface.points[free], normals[free], radius)
    for _ in range(ROUNDS):
        supervoxels = _measure(surface, normals, label)
        label = _reassign(
            surface, normals, label, supervoxels.centers, supervoxels.normals, radius
        )
    label = _split(surface, label)
    return _measure(surface, normals, compact(label))


def _seed_cells(points: Float64, normals: Float64, radius: float) -> Int32:
    """One start supervoxel for each coarse cell and each of the six main directions in it."""
    cell = np.floor(points / (2.0 * radius)).astype(np.int64)
    axis = np.argmax(np.abs(normals), axis=1)
    side = 2 * axis + (normals[np.arange(len(normals)), axis] < 0.0)
    extent = cell.max(axis=0, initial=0) + 1
    code = ((cell[:, 0] * extent[1] + cell[:, 1]) * extent[2] + cell[:, 2]) * 6 + side
    return np.unique(code, return_inverse=True)[1].astype(np.int32)


def compact(label: Int32) -> Int32:
    """Number labels without gaps, keeping -1 for "none"."""
    used = np.zeros(label.max(initial=-1) + 2, np.int32)
    used[label] = 1  # -1 marks the last entry
    used[-1] = 0
    renumbered = np.cumsum(used, dtype=np.int32) - 1
    renumbered[-1] = -1
    return renumbered[label]


def _measure(surface: Surface, normals: Float64, label: Int32) -> Supervoxels:
    rows = np.flatnonzero(label >= 0)
    own = label[rows]
    sizes = np.bincount(own)

    def mean(values: Float64) -> Float64:
        sums = [np.bincount(own, values[rows, axis], minlength=len(sizes)) for axis in range(3)]
        return np.stack(sums, axis=1) / np.maximum(sizes, 1)[:, None]

    center, normal = mean(surface.points), mean(normals)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = np.where(length > 0.2, normal / np.maximum(length, 1e-12), 0.0)
    return Supervoxels(label, sizes.astype(np.int32), center, unit)


@kernel
def _reassign(surface, normals, label, centers, directions, radius):  # type: ignore[no-untyped-def]
    """Each voxel takes the nearest of the supervoxels that it or its close neighbours are in."""
    result = label.copy()
    reach = (STEP * surface.voxel_size) ** 2
    scale = 1.0 / (radius * radius)
    for i in range(label.size):
        if label[i] < 0:
            continue
        best = _cost(surface.points, normals, i, centers, directions, label[i], scale)
        last = label[i]
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            other = label[j]
            if other < 0 or other == last or other == result[i]:
                continue
            if square_distance(surface.points, i, j) > reach:
                continue
            last = other
            cost = _cost(surface.points, normals, i, centers, directions, other, scale)
            if cost < best:
                best, result[i] = cost, other
    return result


@kernel
def _cost(points, normals, i, centers, directions, supervoxel, scale):  # type: ignore[no-untyped-def]
    x = points[i, 0] - centers[supervoxel, 0]
    y = points[i, 1] - centers[supervoxel, 1]
    z = points[i, 2] - centers[supervoxel, 2]
    along = dot(normals, i, directions, supervoxel)
    return (x * x + y * y + z * z) * scale + NORMAL_WEIGHT * (1.0 - along)


@kernel
def _split(surface, label):  # type: ignore[no-untyped-def]
    """Connected components of voxels with equal labels, -1 stays -1."""
    result = np.full(label.size, -1, np.int32)
    reach = (STEP * surface.voxel_size) ** 2
    queue = np.empty(label.size, np.int32)
    count = 0
    for seed in range(label.size):
        if label[seed] < 0 or result[seed] >= 0:
            continue
        result[seed], queue[0] = count, seed
        size, done = 1, 0
        while done < size:
            i = queue[done]
            done += 1
            for at in range(surface.starts[i], surface.starts[i + 1]):
                j = surface.neighbors[at]
                if label[j] != label[seed] or result[j] >= 0:
                    continue
                if square_distance(surface.points, i, j) <= reach:
                    result[j], queue[size] = count, j
                    size += 1
        count += 1
    return result
