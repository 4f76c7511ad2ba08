"""Prompts: farthest points and groups beside Open3D's, and the small Point-SAM.

The cloud of the point operations is a room of 100,000 points. Open3D's farthest_point_down_sample
is the yardstick of the sampling alone; it groups nothing. The latencies are those of the network
that comes with the package, in a map of 50,000 voxels.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.bench_sparse import SIZE, room_voxels
from benchmarks.table import Row, measure, print_table
from seg3d_ros.compute import Compute
from seg3d_ros.networks.point_operations import find_nearest, gather, sample_farthest
from seg3d_ros.networks.point_sam.config import MINI
from seg3d_ros.networks.point_sam.network import load_point_sam
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.prompts.point_sam import PointSamPrompt
from seg3d_ros.segmenters.prompts.point_sam_session import RADII_M
from seg3d_ros.segmenters.prompts.prompt_network import PromptNetwork
from seg3d_ros.segmenters.weights import POINT_SAM_MINI

POINTS = 100_000
CENTERS = 1024
GROUP = 256
MAP_VOXELS = 50_000
REPEATS = 5


def run() -> list[Row]:
    """Measure the point operations and the clicks."""
    points = _room(POINTS)
    return [*_operation_rows(points), *_click_rows(_scene(MAP_VOXELS))]


def _operation_rows(points: np.ndarray) -> list[Row]:
    cloud = torch.from_numpy(points)[None]
    centers = gather(cloud, sample_farthest(cloud, CENTERS))
    sample = measure(lambda: sample_farthest(cloud, CENTERS), repeats=REPEATS)
    group = measure(lambda: find_nearest(cloud, centers, GROUP), repeats=REPEATS)
    theirs = _open3d(points)
    stage = f"{CENTERS} farthest of {POINTS} points"
    return [
        Row(stage, sample, "Open3D" if theirs else "", theirs, "one thread"),
        Row(f"{GROUP} nearest of each", group, note="k-d tree, with making it"),
        Row("both", sample + group, note="at most 400 ms are allowed"),
    ]


def _open3d(points: np.ndarray) -> float | None:
    try:
        import open3d
    except ImportError:
        return None
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    return measure(lambda: cloud.farthest_point_down_sample(CENTERS), repeats=REPEATS)


def _click_rows(scene: Scene) -> list[Row]:
    weights = load_point_sam(POINT_SAM_MINI, config=MINI)
    network = PromptNetwork(weights, Compute(torch.device("cpu")))
    clicks = scene.points[:50]  # beside each other, so that all crops hold them
    on = np.ones(len(clicks), bool)

    def first() -> None:
        PointSamPrompt("point_sam_mini", network).segment_at(scene, clicks[:1], on[:1])

    prompt = PointSamPrompt("point_sam_mini", network)
    counts = iter(range(2, len(clicks)))
    prompt.segment_at(scene, clicks[:1], on[:1])

    def another() -> None:
        count = next(counts)
        prompt.segment_at(scene, clicks[:count], on[:count])

    note = f"map of {len(scene)} voxels, {len(RADII_M)} crops"
    return [
        Row("first click, point_sam_mini", measure(first, repeats=REPEATS), note=note),
        Row("a further click", measure(another, repeats=REPEATS), note=note),
    ]


def _room(count: int) -> np.ndarray:
    """(count, 3) float32 points on the surfaces of a room, metres."""
    rng = np.random.default_rng(0)
    voxels = room_voxels()
    chosen = rng.integers(len(voxels), size=count)
    return ((voxels[chosen] + rng.random((count, 3))) * SIZE).astype(np.float32)


def _scene(count: int) -> Scene:
    """A room of so many voxels, all within reach of a click in its middle."""
    voxels = np.random.default_rng(1).permutation(room_voxels())[:count]
    points = (voxels * SIZE).astype(np.float32)
    nearest_first = np.argsort(np.linalg.norm(points - points.mean(axis=0), axis=1))
    points = points[nearest_first]
    return Scene(points, np.full_like(points, 0.5), np.arange(count), SIZE)


if __name__ == "__main__":
    print_table(run())
