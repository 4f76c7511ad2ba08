"""Rooms of `seg3d synthesize` as a closed set: their most frequent names, and superpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.datasets.raw_dataset import RawScene, SceneList
from seg3d_ros.datasets.scene_arrays import NONE, SceneArrays
from seg3d_ros.datasets.scene_dataset import ScanNetDataset, instance_classes
from seg3d_ros.segmenters.superpoints import segment_cloud


@dataclass(frozen=True)
class MadeRooms:
    """Rooms whose other things have no label: they are neither trained nor evaluated on.

    Attributes:
        root: folder of the rooms, by split.
        class_names: that stay.
    """

    root: Path
    class_names: tuple[str, ...]

    name = "rooms"

    @classmethod
    def most_frequent(cls, root: Path, count: int) -> MadeRooms:
        """The names that most instances of the split "train" have, walls and floors left out.

        Raises:
            FileNotFoundError: there are no rooms to train with.
            InputError: files of a room do not fit each other.
        """
        names = instance_classes("names", root)
        found: Counter[int] = Counter()
        rooms = ScanNetDataset(root, "train")
        for sample in map(rooms.__getitem__, range(len(rooms))):
            found.update(sample.segment[np.unique(sample.instance, return_index=True)[1]].tolist())
        labels = sorted(found.keys() & names.keys(), key=lambda label: (-found[label], label))
        return cls(root, tuple(names[label] for label in labels[:count]))

    @property
    def options(self) -> Mapping[str, Any]:
        """Choices that change the files."""
        return {"classes": list(self.class_names)}

    @cached_property
    def _rooms(self) -> dict[str, ScanNetDataset]:
        """Rooms of each split."""
        splits = ["train", *sorted(path.name for path in self.root.glob("val*"))]
        return {split: ScanNetDataset(self.root, split) for split in splits}

    def scenes(self) -> SceneList:
        """Rooms of the splits "train" and "val...".

        Raises:
            FileNotFoundError: there are none.
        """
        return SceneList(
            tuple(
                RawScene(split, folder.name, folder)
                for split, rooms in self._rooms.items()
                for folder in rooms.scenes
            )
        )

    def read(self, scene: RawScene) -> SceneArrays:
        """Read one room.

        Raises:
            InputError: its files do not fit each other.
        """
        rooms = self._rooms[scene.split]
        sample = rooms[rooms.scenes.index(scene.folder)]
        numbers = {name: number for number, name in enumerate(self.class_names)}
        table = np.array([numbers.get(name, NONE) for name in rooms.class_names] + [NONE])
        segment = table[sample.segment]  # the last one is for points without a label
        return SceneArrays(
            points=sample.points,
            colors=np.rint(sample.colors * 255).astype(np.uint8),
            normals=sample.normals,
            labels={
                "segment": segment,
                "instance": np.where(segment == NONE, NONE, sample.instance),
                "superpoint": segment_cloud(sample.points),
            },
        )
