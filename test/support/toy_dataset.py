"""Small labelled rooms on disk: a floor, a wall and some boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

NAMES = ("floor", "wall", "crate", "ball")


def write_dataset(root: Path, *, rooms: int = 4, split: str = "train", points: int = 400) -> Path:
    """Write rooms with the labels of names.txt; returns the folder."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "names.txt").write_text("\n".join(NAMES) + "\n")
    (root / "dataset.json").write_text(json.dumps({"format": 1, "unseen_names": ["ball"]}))
    for number in range(rooms):
        write_scene(root / split / f"room_{number}", seed=number, points=points)
    return root


def write_scene(folder: Path, *, seed: int = 0, points: int = 400) -> None:
    rng = np.random.default_rng(seed)
    floor = rng.random((points, 3)) * [3, 3, 0.01]
    wall = rng.random((points, 3)) * [3, 0.01, 2]
    boxes = [
        rng.random((points // 2, 3)) * 0.4 + [*(rng.random(2) * 2 + 0.3), 0.02] for _ in range(3)
    ]
    parts = [floor, wall, *boxes]
    classes = [0, 1, 2, 3, 2]
    sizes = [len(part) for part in parts]
    coord = np.concatenate(parts).astype(np.float32)
    segment = np.repeat(classes, sizes).astype(np.int32)
    folder.mkdir(parents=True)
    np.save(folder / "coord.npy", coord)
    np.save(folder / "color.npy", ((segment * 60)[:, None] + [0, 10, 20]).astype(np.uint8))
    np.save(folder / "normal.npy", np.tile([0, 0, 1], (len(coord), 1)).astype(np.float16))
    np.save(folder / "segment.npy", segment)
    np.save(folder / "instance.npy", np.repeat(np.arange(5), sizes).astype(np.int32))
