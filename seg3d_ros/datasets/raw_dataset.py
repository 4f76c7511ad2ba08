"""Data sets as published: their scenes, and what a reader of one offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from seg3d_ros.datasets.scene_arrays import SceneArrays


@dataclass(frozen=True)
class RawScene:
    """One scene as published.

    Attributes:
        split: that it belongs to, "train", "val" or "test".
        name: unique in its data set.
        folder: of its files.
    """

    split: str
    name: str
    folder: Path


@dataclass(frozen=True)
class SceneList:
    """Scenes of a data set.

    Attributes:
        scenes: those that are there.
        published: number of scenes of each split of the complete data set.
    """

    scenes: tuple[RawScene, ...]
    published: Mapping[str, int] = field(default_factory=dict)


class RawDataset(Protocol):
    """Reader of a published data set; it is sent to worker processes, so it has to be picklable.

    Attributes:
        name: of the data set.
        class_names: of class 0, 1, ... in segment.npy; None: it has no segment.npy.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def class_names(self) -> tuple[str, ...] | None: ...  # noqa: D102

    @property
    def options(self) -> Mapping[str, Any]:
        """Choices that change the files, by name, for dataset.json."""

    def scenes(self) -> SceneList:
        """Scenes that are there; raises InputError or OSError without any."""

    def read(self, scene: RawScene) -> SceneArrays:
        """Points and labels of a scene; raises InputError or OSError if it is broken."""
