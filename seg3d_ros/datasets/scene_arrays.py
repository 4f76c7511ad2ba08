"""Labelled points of one scene, as training and evaluation read them from disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.datasets.posed_frames import PosedFrames
from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32, UInt8

NONE = -1  # class or instance of a point that has none


@dataclass(frozen=True, eq=False)
class SceneArrays:
    """Points of a scene with their labels.

    Attributes:
        points: (N, 3) float32, metres, z up.
        colors: (N, 3) uint8 RGB.
        normals: (N, 3) float32 unit vectors, zero where there is none; None: not known.
        labels: (N,) integers by file name: "segment", "segment20", "instance", "superpoint"
            and so on.
        frames: RGB-D frames of the scene; None: not kept.
    """

    points: Float32
    colors: UInt8
    normals: Float32 | None
    labels: Mapping[str, npt.NDArray[np.integer[Any]]]
    frames: PosedFrames | None = None

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: Any) -> SceneArrays:
        """Only some of the points, without frames: indices or (N,) bool."""
        return SceneArrays(
            points=self.points[rows],
            colors=self.colors[rows],
            normals=None if self.normals is None else self.normals[rows],
            labels={name: values[rows] for name, values in self.labels.items()},
        )

    def write(self, folder: Path) -> None:
        """Write coord.npy, color.npy, normal.npy, one file for each kind of labels, and frames.

        Raises:
            InputError: there are no points, or a frame is damaged.
        """
        if not len(self):
            raise InputError("it has no points")
        np.save(folder / "coord.npy", self.points)
        np.save(folder / "color.npy", self.colors)
        if self.normals is not None:
            np.save(folder / "normal.npy", self.normals)
        for name, values in self.labels.items():
            np.save(folder / f"{name}.npy", values.astype(np.int32))
        if self.frames is not None:
            self.frames.write(folder)
