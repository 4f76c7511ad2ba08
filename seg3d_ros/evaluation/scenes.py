"""Labelled scenes as segmenters see them, and what their classes are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from seg3d_ros.datasets.scannet_classes import SCANNET20_IDS, scannet200_ids, scannet200_table
from seg3d_ros.errors import InputError
from seg3d_ros.recordings.scene_file import PointCloud, voxelize_cloud
from seg3d_ros.scene import Int64, Scene
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

if TYPE_CHECKING:  # it imports torch
    from seg3d_ros.datasets.scene_dataset import LabelSet, ScanNetDataset, SceneSample

VOXEL_SIZE = 0.02  # metres


@dataclass(frozen=True, eq=False)
class LabelledScene:
    """Scene with its ground truth.

    Attributes:
        sample: the points of the file with classes and instances.
        voxels: what a segmenter sees.
        voxel_of_point: (N,) row in `voxels` of each point.
        folder: of its files.
    """

    sample: SceneSample
    voxels: Scene
    voxel_of_point: Int64
    folder: Path

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.sample.name

    def __len__(self) -> int:
        return len(self.sample)


@dataclass(frozen=True)
class Classes:
    """Classes of a data set.

    Attributes:
        names: of class 0, 1, ...
        ids: label id of each in files of predictions.
        ignored: names that have no instances to be found.
        groups: names of groups of classes, each with its members; classes may be in none.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    ignored: frozenset[str] = frozenset()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def numbers(self, names: frozenset[str]) -> Int64:
        """Classes of these names, ascending."""
        return np.array([i for i, name in enumerate(self.names) if name in names], np.int64)


def load_classes(root: Path, label_set: LabelSet, *, objects_only: bool = False) -> Classes:
    """Classes of a data set and their groups.

    Groups are "seen" and "unseen" where dataset.json lists the "unseen_names", otherwise the
    "head", "common" and "tail" of ScanNet200.

    Args:
        root: folder of the splits.
        label_set: what the classes are.
        objects_only: walls, floors and ceilings have no instances to be found.

    Raises:
        FileNotFoundError: names.txt is missing.
        InputError: there is no such label set.
    """
    from seg3d_ros.datasets.scene_dataset import STUFF, load_class_names

    names = load_class_names(label_set, root)
    ids: tuple[int, ...] = tuple(range(len(names)))
    groups: dict[str, frozenset[str]] = {}
    if label_set == "scannet20":
        ids = SCANNET20_IDS
    if label_set == "scannet200":
        ids = scannet200_ids()
        groups = {
            group: frozenset(row["name"] for row in scannet200_table() if row["group"] == group)
            for group in ("head", "common", "tail")
        }
    unseen = _unseen_names(root / "dataset.json")
    if unseen:
        groups = {"seen": frozenset(names) - unseen, "unseen": unseen & frozenset(names)}
    ignored = frozenset(STUFF) if objects_only else frozenset()
    if label_set != "names":
        ignored |= {name[1:] for name in load_vocabulary_file(label_set) if name[0] == "-"}
    return Classes(names, ids, ignored, groups)


def load_scene(dataset: ScanNetDataset, index: int, *, density: float = 1.0) -> LabelledScene:
    """One scene of a data set at `VOXEL_SIZE`.

    Args:
        dataset: of the scene.
        index: its number there.
        density: share of its points that are kept, by chance but always the same.

    Raises:
        InputError: it has no points, or its files do not fit each other.
    """
    sample = dataset[index]
    if not len(sample):
        raise InputError(f"scene {sample.name} has no points")
    if density < 1:
        sample = sample.take(np.random.default_rng(0).random(len(sample)) < density)
    colors = np.rint(sample.colors * 255).astype(np.uint8)
    voxels, rows = voxelize_cloud(PointCloud(sample.points, colors, sample.origin), VOXEL_SIZE)
    return LabelledScene(sample, voxels, rows, dataset.scenes[index])


def labelled_scenes(
    dataset: ScanNetDataset, model: str, *, limit: int | None = None, density: float = 1.0
) -> Iterator[LabelledScene]:
    """Scenes of a data set one after the other, with a progress bar.

    Args:
        dataset: of one split.
        model: name of what is evaluated.
        limit: stop after so many scenes.
        density: see `load_scene`.

    Raises:
        InputError: see `load_scene`.
    """
    count = min(len(dataset), limit or len(dataset))
    title = f"{model} on {dataset.scenes[0].parent.name}"
    for index in tqdm(range(count), desc=title, unit="scene", disable=None):
        yield load_scene(dataset, index, density=density)


def _unseen_names(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8")).get("unseen_names", ()))
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is no description of a data set ({error})") from error
