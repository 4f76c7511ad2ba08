"""Labelled toy rooms with frames, and a small XMask3D to train on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from seg3d_ros.datasets.scene_dataset import one_point_per_voxel
from seg3d_ros.training.xmask3d_training import XMask3DTraining
from support import toy_room
from support.toy_recording import write_toy_recording
from support.xmask3d import small_network

NAMES = ("floor", "wall", "crate", "ball")
BASE, NOVEL = NAMES[:3], NAMES[3:]
CLASSES = {toy_room.FLOOR.color: 0, toy_room.WALL.color: 1} | {
    box.color: label for box, label in zip(toy_room.BOXES, (2, 2, 3), strict=True)
}


def write_labelled_views(root: Path, *, rooms: int = 2, split: str = "train") -> Path:
    """Write toy rooms with their labels and recordings; returns the folder."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "names.txt").write_text("\n".join(NAMES) + "\n")
    for number in range(rooms):
        points, colors = toy_room.cloud(3)
        rows = one_point_per_voxel(points, 0.08)
        folder = root / split / f"room_{number}"
        folder.mkdir(parents=True)
        np.save(folder / "coord.npy", points[rows])
        np.save(folder / "color.npy", colors[rows])
        labels = np.array([CLASSES[tuple(color)] for color in colors[rows].tolist()])
        np.save(folder / "segment.npy", labels)
        np.save(folder / "instance.npy", labels)
        write_toy_recording(root / "recordings" / folder.name, frames=3)
    return root


def small_training(base=BASE, diffusion=None, clip=None) -> XMask3DTraining:
    """A small XMask3D with small frozen networks; the files are not read."""
    network, frozen = small_network()
    frozen.clip.requires_grad_(False)
    text = torch.randn(len(base), 768, generator=torch.Generator().manual_seed(3))
    return XMask3DTraining(network, frozen, text)
