"""Training and its measures: a step, a scene from the disk, average precision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bench_sparse import SIZE, room_voxels
from benchmarks.table import Row, measure, print_table
from seg3d_ros.datasets.scene_dataset import ScanNetDataset, SceneSample, collate
from seg3d_ros.evaluation.instance_ap import average_precisions
from seg3d_ros.evaluation.overlaps import overlaps_of, true_regions
from seg3d_ros.masks import Masks
from seg3d_ros.networks.maskformer.network import MaskFormer
from seg3d_ros.networks.minkunet import MinkUNet18
from seg3d_ros.sparse import pairwise
from seg3d_ros.sparse.kernel_map import KernelMap
from seg3d_ros.training.augmentation import default_train_augmentations
from seg3d_ros.training.maskformer_objective import MaskFormerObjective

REPEATS = 3
CROP = 20_000  # voxels
CLASSES = 20
INSTANCE_M = 0.6  # edge of the blocks that are the instances of the room
MASKS, POINTS, REGIONS = 300, 200_000, 40
SIDE = 1024  # of the matrices that tell how fast the machine multiplies


def run() -> list[Row]:
    """Measure all three beside the same kind of work without us."""
    room = _room()
    return [_step_row(room), _loading_row(room), _precision_row()]


def _room() -> SceneSample:
    """The room of the sparse engine's benchmark, cut into instances."""
    points = ((room_voxels() + 0.5) * SIZE).astype(np.float32)
    blocks = np.floor(points / INSTANCE_M).astype(np.int64)
    _, instance = np.unique(blocks, axis=0, return_inverse=True)
    colors = np.random.default_rng(0).random(points.shape, np.float32)
    normals = np.zeros_like(points)
    return SceneSample("room", points, colors, normals, instance % CLASSES, instance)


def _step_row(room: SceneSample) -> Row:
    torch.manual_seed(0)
    center = room.points.mean(axis=0)
    nearest = np.linalg.norm(room.points - center, axis=1).argsort()[:CROP]
    batch = collate([room.take(nearest)])
    model = MaskFormer(MinkUNet18(3, 96), num_classes=CLASSES)
    objective = MaskFormerObjective(num_classes=CLASSES)

    def step() -> None:
        model.zero_grad()
        objective(model(batch), batch)["total"].backward()

    operations = _operations(step)
    square = torch.randn(SIDE, SIDE)
    bare_ms = measure(lambda: square @ square, repeats=20) * operations / (2 * SIDE**3)
    stage = f"training step, MaskFormer, {CROP} voxels"
    note = f"{operations / 1e9:.0f} GFLOP forward and back"
    return Row(stage, measure(step, repeats=REPEATS), "as many in dense products", bare_ms, note)


def _operations(step: Callable[[], None]) -> int:
    """Floating-point operations of a step: those that torch knows of, and the convolutions."""
    of_convolutions = []

    def counted(way: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def call(
            features: torch.Tensor, other: torch.Tensor, kernel_map: KernelMap, **options: object
        ) -> torch.Tensor:
            pairs = int((kernel_map.table >= 0).sum())
            of_convolutions.append(2 * pairs * features.shape[1] * other.shape[-1])
            return way(features, other, kernel_map, **options)

        return call

    with (
        FlopCounterMode(display=False) as counter,
        patch.object(pairwise, "convolve", counted(pairwise.convolve)),
        patch.object(pairwise, "correlate", counted(pairwise.correlate)),
    ):
        step()
    return int(counter.get_total_flops()) + sum(of_convolutions)


def _loading_row(room: SceneSample) -> Row:
    with tempfile.TemporaryDirectory() as root:
        scene = Path(root, "train", "room")
        scene.mkdir(parents=True)
        arrays = {
            "coord": room.points, "color": (255 * room.colors).astype(np.uint8),
            "normal": room.normals.astype(np.float16), "segment20": room.segment,
            "instance": room.instance,
        }  # fmt: skip
        for name, array in arrays.items():
            np.save(scene / f"{name}.npy", array)
        augment = default_train_augmentations()
        dataset = ScanNetDataset(root, "train", label_set="scannet20", transform=augment)
        ours = measure(lambda: dataset[0], repeats=15)
    field, places = np.zeros((20, 20, 20), np.float32), (room.points / 0.2).T

    def look_up() -> object:  # two elastic distortions have three fields each
        return [map_coordinates(field, places, order=1) for _ in range(6)]

    stage = f"load and augment {len(room)} points"
    return Row(stage, ours, "scipy's map_coordinates, 6 times", measure(look_up, repeats=15))


def _precision_row() -> Row:
    rng = np.random.default_rng(0)
    instance = np.sort(rng.integers(REGIONS, size=POINTS))
    starts = rng.integers(POINTS - POINTS // REGIONS, size=MASKS)
    masks = np.zeros((MASKS, POINTS), bool)
    for mask, start in zip(masks, starts, strict=True):
        mask[start : start + POINTS // REGIONS] = True
    scores, classes = rng.random(MASKS, np.float32), rng.integers(CLASSES, size=MASKS)

    found = Masks.of(masks)

    def evaluate() -> object:
        regions = true_regions(instance % CLASSES, instance)
        return average_precisions([overlaps_of(found, scores, classes, regions)], CLASSES)

    truth = (instance[:, None] == np.arange(REGIONS)).astype(np.float32)
    product_ms = measure(lambda: masks.astype(np.float32) @ truth, repeats=REPEATS)
    stage = f"AP of {MASKS} masks, {POINTS} points"
    return Row(stage, measure(evaluate, repeats=REPEATS), "masks @ truth in NumPy", product_ms)


if __name__ == "__main__":
    print_table(run())
