"""Prompts: farthest points and groups beside Open3D's, and the small models for clicks.

The cloud of the point operations is a room of 100,000 points. Open3D's farthest_point_down_sample
is the yardstick of the sampling alone; it groups nothing. The latencies are those of the networks
that come with the package, in a map of 50,000 voxels.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.bench_sparse import SIZE, room_voxels
from benchmarks.table import Row, measure, print_table
from seg3d_ros.networks.point_operations import find_nearest, gather, sample_farthest
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.registry import load_prompt_segmenter
from seg3d_ros.segmenters.segmenter import PromptSegmenter
from seg3d_ros.segmenters.settings import MiniClicksSettings, ModelSettings, PointSamSettings

POINTS = 100_000
CENTERS = 1024
GROUP = 256
MAP_VOXELS = 50_000
REPEATS = 5
ON_CPU = ModelSettings(
    point_sam_mini=PointSamSettings(device="cpu"), mini_clicks=MiniClicksSettings(device="cpu")
)


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
    rows = []
    for name in ("point_sam_mini", "mini_clicks"):
        rows += _rows_of(load_prompt_segmenter(name, ON_CPU), scene)
    return rows


def _rows_of(prompt: PromptSegmenter, scene: Scene) -> list[Row]:
    """First clicks, each on a voxel of its own, and further ones."""
    clicks = scene.points[:50]  # beside each other, so that all crops hold them
    on = np.ones(len(clicks), bool)
    firsts, counts = iter(scene.points[100:]), iter(range(2, len(clicks)))
    first = measure(lambda: prompt.segment_at(scene, next(firsts)[None], on[:1]), repeats=REPEATS)
    prompt.segment_at(scene, clicks[:1], on[:1])

    def another() -> None:
        count = next(counts)
        prompt.segment_at(scene, clicks[:count], on[:count])

    note = f"map of {len(scene)} voxels"
    return [
        Row(f"first click, {prompt.name}", first, note=note),
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
