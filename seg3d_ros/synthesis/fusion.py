"""Labelled frames to a labelled map, through the voxel map that robots use."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.kernels import kernel
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Float32, Frame, Int64, Scene
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.sparse.hash_index import build_index, find_rows

Int32 = NDArray[np.int32]

NONE = -1


@dataclass(frozen=True, eq=False)
class FusedScene:
    """Map with its ground truth.

    Attributes:
        scene: N voxels, with normals (zero where there is no surface) towards the camera.
        instance: (N,) int32 instance of each voxel, NONE where nobody knows.
    """

    scene: Scene
    instance: Int32


class LabelledMap:
    """A voxel map that also remembers what the points in its voxels belong to."""

    def __init__(self) -> None:
        self._map = VoxelMap()
        self._element_ids: list[Int64] = []
        self._instances: list[Int32] = []
        self._eyes: list[Float32] = []

    def add(self, frame: Frame, instances: Int32) -> None:
        """Take a frame in; `instances` (N,) says of each of its points what it belongs to."""
        self._map.integrate(frame)
        measured = np.flatnonzero(np.isfinite(frame.points[:, 2]))
        pose = frame.map_from_sensor
        points = (frame.points[measured] @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
        self._element_ids.append(self._map.element_ids_at(points))
        self._instances.append(instances[measured])
        self._eyes.append(pose[:3, 3].astype(np.float32))

    def to_scene(self, *, min_voxels: int) -> FusedScene:
        """Label each voxel with what most of its points belong to.

        Args:
            min_voxels: instances with fewer become NONE: nobody could recognise them.
        """
        scene = self._map.snapshot()
        rows = find_rows(build_index(scene.element_ids), np.concatenate(self._element_ids))
        kept = rows >= 0  # the others were carved away or never came into the map
        instance = majority(rows[kept], np.concatenate(self._instances)[kept], count=len(scene))
        sizes = np.bincount(instance[instance != NONE], minlength=1)
        instance[(instance != NONE) & (sizes[instance] < min_voxels)] = NONE
        frames = np.repeat(np.arange(len(self._eyes)), [len(ids) for ids in self._element_ids])
        last_seen = np.full(len(scene), -1)  # the origin, for voxels without points
        last_seen[rows[kept]] = frames[kept]
        eyes = np.stack([*self._eyes, np.zeros(3, np.float32)])[last_seen]
        return FusedScene(replace(scene, normals=_normals(scene, eyes)), instance)


def majority(voxels: Int32, labels: Int32, *, count: int) -> Int32:
    """Most frequent label of each voxel, the smallest one of equals.

    Args:
        voxels: (P,) voxel of each vote, 0 to `count` - 1.
        labels: (P,) what it votes for, NONE or more.
        count: number of voxels.

    Returns:
        (count,) int32, NONE for a voxel without votes.
    """
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(voxels, minlength=count), out=starts[1:])
    winners = np.full(count, NONE, np.int32)
    _count_votes(starts, voxels, labels, winners)
    return winners


@kernel
def _count_votes(starts, voxels, labels, winners):  # type: ignore[no-untyped-def]
    """Gather the votes of each voxel, which is where `starts` says, and look for long runs."""
    gathered = np.empty(labels.size, labels.dtype)
    free = starts[:-1].copy()
    for i in range(voxels.size):
        gathered[free[voxels[i]]] = labels[i]
        free[voxels[i]] += 1
    for voxel in range(winners.size):
        votes = gathered[starts[voxel] : starts[voxel + 1]]
        if votes.size and (votes == votes[0]).all():
            winners[voxel] = votes[0]
            continue
        votes.sort()
        most = 0
        run = 0
        for i in range(votes.size):
            run = run + 1 if i > 0 and votes[i] == votes[i - 1] else 1
            if run > most:
                most = run
                winners[voxel] = votes[i]


def _normals(scene: Scene, eyes: Float32) -> Float32:
    """(N, 3) unit normals towards (N, 3) places of cameras, zero where there is no surface."""
    surface = build_surface(scene)
    normals = np.empty_like(scene.points)
    normals[surface.order] = surface.normals
    away = np.einsum("nk,nk->n", normals, eyes - scene.points) < 0
    normals[away] *= -1
    return normals
