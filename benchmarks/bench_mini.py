"""mini on the bundled room, cut to about 40 k voxels of its network, stage by stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.table import Row, measure, print_table
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.networks.mini.mask_reader import MaskMembers
from seg3d_ros.networks.mini.seeds import seeds_for_all
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.proposals import geometric_segments
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.segmenters.mini import SEEDS
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import MiniSettings, ModelSettings
from seg3d_ros.segmenters.weights import MINI

DEMO_ROOM = Path(__file__).parents[1] / "data" / "demo_room"
NETWORK_VOXELS = 40_000
NETWORK_VOXEL_M = 0.04
REPEATS = 7


def run() -> list[Row]:
    """The whole beside the geometric segmenter, and its stages."""
    scene = part_of_the_room()
    mini = load_segmenter("mini", ModelSettings(mini=MiniSettings(device="cpu")))
    geometric = GeometricSegmenter()
    found = len(mini.segment(scene))
    with torch.inference_mode():
        stages = _stages(scene)
    whole = measure(lambda: mini.segment(scene), repeats=REPEATS)
    beside = measure(lambda: geometric.segment(scene), repeats=REPEATS)
    note = f"{len(scene)} voxels of the map, {found} instances"
    return [Row("mini: segment", whole, "geometric: segment", beside, note), *stages]


def _stages(scene: Scene) -> list[Row]:
    model = load_trained(MINI).network
    points, colors = torch.from_numpy(scene.points), torch.from_numpy(scene.colors)
    _, (features,) = model.encode(points, colors)
    seeds = seeds_for_all(features, count=SEEDS)
    queries = model.decoder(features, seeds)
    segments = geometric_segments(build_surface(scene))
    masks = MaskMembers.of(model.decoder.masks(features, queries) > 0)
    count = f"{len(features)} voxels of the network"
    stages = {
        "mini: encode": (lambda: model.encode(points, colors), count),
        "mini: seeds": (lambda: seeds_for_all(features, count=SEEDS), f"{len(seeds)} seeds"),
        "mini: queries": (lambda: model.decoder(features, seeds), ""),
        "mini: masks of all": (lambda: model.decoder.masks(features, queries), ""),
        "mini: read masks": (
            lambda: model.reader(features, masks),
            f"{len(queries.quality)} masks",
        ),
        "mini: segments by geometry": (
            lambda: geometric_segments(build_surface(scene)),
            f"{segments.max() + 1} on the map's voxels",
        ),
    }
    return [
        Row(name, measure(work, repeats=REPEATS), note=note)
        for name, (work, note) in stages.items()
    ]


def part_of_the_room() -> Scene:
    """The bundled recording as the node fuses it, up to some x."""
    fused = VoxelMap()
    for recorded in open_recording(DEMO_ROOM).frames():
        fused.integrate(to_frame(recorded))
    whole = fused.snapshot()
    order = np.argsort(whole.points[:, 0], kind="stable")
    coarse = np.floor(whole.points[order] / NETWORK_VOXEL_M).astype(np.int32)
    _, first = np.unique(coarse, axis=0, return_index=True)
    rows = order[: np.sort(first)[min(NETWORK_VOXELS, len(first) - 1)]]
    points, colors = whole.points[rows], whole.colors[rows]
    return Scene(points, colors, whole.element_ids[rows], whole.voxel_size)


if __name__ == "__main__":
    print_table(run())
