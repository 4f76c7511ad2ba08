"""Labelled scenes on disk, in the ScanNet-preprocessed layout.

    root/<split>/<scene>/coord.npy      (N, 3) float32, metres, z up
                         color.npy      (N, 3) RGB, 0 to 255, any number type
                         normal.npy     (N, 3) unit vectors, any float type
                         segment.npy    (N,) class of each point, -1 for none
                         instance.npy   (N,) instance of each point, -1 for none
                         superpoint.npy (N,) superpoint of each point in the mesh
    root/names.txt                      what the classes are called, one a line

Classes of benchmarks are in segment20.npy, segment200.npy (ScanNet) or segment100.npy (ScanNet++)
instead, and need no names.txt.
Colours, normals, labels and superpoints may be missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch.utils.data import Dataset

from seg3d_ros.errors import InputError
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.scene import Float32, Float64, Int64, origin_near
from seg3d_ros.segmenters.superpoints import segment_cloud
from seg3d_ros.sparse.hash_index import first_rows
from seg3d_ros.sparse.voxel_keys import keys_of_points
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

LabelSet = Literal["names", "scannet20", "scannet200", "scannetpp"]
STUFF = ("wall", "floor", "ceiling")
_SEGMENT_FILES = {
    "names": "segment.npy", "scannet20": "segment20.npy", "scannet200": "segment200.npy",
    "scannetpp": "segment100.npy",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SceneSample:
    """Labelled points of one scene.

    Attributes:
        name: of the scene.
        points: (N, 3) float32, metres, z up, less whole metres where the file is far from zero.
        colors: (N, 3) float32 RGB in [0, 1].
        normals: (N, 3) float32 unit vectors; zero where unknown.
        segment: (N,) int64 class of each point, -1 for none.
        instance: (N,) int64 instance of each point, -1 for none.
        share: (N,) float32 how much of each point's instance a crop holds; None: all of it.
        segments: (N, K) int64 segment of each point in K decompositions by geometry, -1 for none;
            None: not made.
        superpoint: (N,) int64 superpoint of each point in the mesh of the scene; None: not read,
            or not there.
        bent: (N, 3) float32 where the grid of voxels sees the points, metres; None: where they
            are.
        origin: (3,) float64 of the points in the coordinates of the file, metres.
    """

    name: str
    points: Float32
    colors: Float32
    normals: Float32
    segment: Int64
    instance: Int64
    share: Float32 | None = None
    segments: Int64 | None = None
    superpoint: Int64 | None = None
    bent: Float32 | None = None
    origin: Float64 = field(default_factory=lambda: np.zeros(3))

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: Any) -> SceneSample:
        """Only some of the points: indices, a slice or (N,) bool."""
        return dataclasses.replace(
            self,
            points=self.points[rows],
            colors=self.colors[rows],
            normals=self.normals[rows],
            segment=self.segment[rows],
            instance=self.instance[rows],
            share=None if self.share is None else self.share[rows],
            segments=None if self.segments is None else self.segments[rows],
            superpoint=None if self.superpoint is None else self.superpoint[rows],
            bent=None if self.bent is None else self.bent[rows],
        )


Transform = Callable[[SceneSample, np.random.Generator], SceneSample]


class ScanNetDataset(Dataset[SceneSample]):
    """Scenes of one split, by name.

    Every sample depends on the seed, the epoch and its index alone, so that training can be
    resumed, on whatever processes.

    Args:
        root: folder of the splits.
        split: folder of the scenes.
        label_set: what the classes are.
        voxel_size: keep one point in each voxel of this edge, metres; None keeps them all.
        drop_stuff: points of walls, floor and ceiling belong to no instance.
        ignore_index: class that stands for "not labelled" in the files.
        superpoints: read superpoint.npy; where it is missing, cut the points themselves.
        transform: changes the sample at random, such as `seg3d_ros.training.augmentation`.
        seed: of the transform.

    Raises:
        FileNotFoundError: the folder or names.txt is missing, or the folder is empty.
        InputError: there is no such label set.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        *,
        label_set: LabelSet = "names",
        voxel_size: float | None = None,
        drop_stuff: bool = False,
        ignore_index: int = -1,
        superpoints: bool = False,
        transform: Transform | None = None,
        seed: int = 0,
    ) -> None:
        self.class_names = load_class_names(label_set, root)
        self.scenes = _scenes(Path(root).expanduser() / split)
        self.voxel_size = voxel_size
        self.superpoints = superpoints
        self.transform = transform
        self.seed = seed
        self.epoch = 0
        self._segment_file = _SEGMENT_FILES[label_set]
        self._ignore_index = ignore_index
        stuff = [i for i, name in enumerate(self.class_names) if drop_stuff and name in STUFF]
        self._stuff = np.array(stuff, np.int64)

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> SceneSample:
        """Load, thin out and change one scene.

        Raises:
            FileNotFoundError: it has no coord.npy.
            InputError: its files do not fit each other.
        """
        sample = self._load(self.scenes[index])
        if self.transform is None:
            return sample
        return self.transform(sample, np.random.default_rng((self.seed, self.epoch, index)))

    @staticmethod
    def collate(samples: list[SceneSample]) -> SceneBatch:
        """Put scenes one after the other."""
        return collate(samples)

    def _load(self, folder: Path) -> SceneSample:
        points, origin = _local(np.load(folder / "coord.npy"))
        count = len(points)
        rows: Any = slice(None)
        if self.voxel_size is not None:
            rows = one_point_per_voxel(points, self.voxel_size)

        def read(file: str, default: int, *channels: int) -> np.ndarray[Any, Any]:
            path = folder / file
            values = np.load(path) if path.is_file() else np.full((count, *channels), default)
            if values.shape != (count, *channels):
                raise InputError(
                    f"{path} has shape {values.shape}; {count} points need {(count, *channels)}"
                )
            return values[rows]

        segment = read(self._segment_file, -1).astype(np.int64, copy=False)
        known = (segment >= 0) & (segment < len(self.class_names))
        segment = np.where(known & (segment != self._ignore_index), segment, -1)
        instance = read("instance.npy", -1).astype(np.int64, copy=False)
        if len(self._stuff):
            instance = np.where(np.isin(segment, self._stuff), -1, instance)
        superpoint = None
        if self.superpoints and (folder / "superpoint.npy").is_file():
            superpoint = read("superpoint.npy", -1).astype(np.int64)
        elif self.superpoints:
            superpoint = segment_cloud(points[rows])
        return SceneSample(
            name=folder.name,
            points=points[rows],
            colors=read("color.npy", 0, 3).astype(np.float32) / np.float32(255),
            normals=read("normal.npy", 0, 3).astype(np.float32),
            segment=segment,
            instance=instance,
            superpoint=superpoint,
            origin=origin,
        )


def _local(points: np.ndarray[Any, Any]) -> tuple[Float32, Float64]:
    """Positions (N, 3) as float32 from an origin (3,), near their minimum if that is far."""
    origin = origin_near(points.min(axis=0)) if len(points) else np.zeros(3)
    local = points - origin if origin.any() else points
    return local.astype(np.float32, copy=False), origin


def load_class_names(label_set: LabelSet, root: str | Path) -> tuple[str, ...]:
    """Names of a dataset's classes, class by class.

    Raises:
        FileNotFoundError: the classes are in names.txt, and it is not there.
        InputError: there is no such label set.
    """
    if label_set not in _SEGMENT_FILES:
        raise InputError(f"label set {label_set!r}; give one of {', '.join(get_args(LabelSet))}")
    if label_set != "names":
        return tuple(label.lstrip("-") for label in load_vocabulary_file(label_set))
    file = Path(root).expanduser() / "names.txt"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: it says what the classes are called, one a line; for "
            "ScanNet's own classes choose the label set scannet20, scannet200 or scannetpp"
        )
    return tuple(file.read_text(encoding="utf-8").splitlines())


def instance_classes(label_set: LabelSet, root: str | Path) -> dict[int, str]:
    """Names of the classes that have instances, by label: not those of walls and floors.

    Raises:
        FileNotFoundError: the classes are in names.txt, and it is not there.
        InputError: there is no such label set.
    """
    names = load_class_names(label_set, root)
    if label_set == "names":
        return {label: name for label, name in enumerate(names) if name not in STUFF}
    marked = load_vocabulary_file(label_set)  # a "-" in front of those that have none
    return {i: name for i, name in enumerate(names) if not marked[i].startswith("-")}


def _scenes(folder: Path) -> list[Path]:
    scenes = sorted(path.parent for path in folder.glob("[!.]*/coord.npy"))  # not those in work
    if scenes:
        return scenes
    parent = folder.parent
    found = sorted(p.name for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []
    raise FileNotFoundError(
        f"no scenes in {folder}: expected {folder}/<scene>/coord.npy"
        + (f"; {parent} holds {', '.join(found)}" if found else "")
    )


def one_point_per_voxel(points: Float32, voxel_size: float) -> Int64:
    """Rows of the first point in each voxel, ascending, (M,).

    Args:
        points: (N, 3) metres.
        voxel_size: edge of a voxel, metres.
    """
    return first_rows(keys_of_points(points, voxel_size))


def collate(samples: list[SceneSample]) -> SceneBatch:
    """Put scenes one after the other."""

    def joined(name: str) -> torch.Tensor:
        return torch.from_numpy(np.concatenate([getattr(sample, name) for sample in samples]))

    bent = any(sample.bent is not None for sample in samples)
    seen = [sample.points if sample.bent is None else sample.bent for sample in samples]
    return SceneBatch(
        points=joined("points"),
        colors=joined("colors"),
        normals=joined("normals"),
        segment=joined("segment"),
        instance=joined("instance"),
        share=None if samples[0].share is None else joined("share"),
        segments=None if samples[0].segments is None else joined("segments"),
        superpoint=None if samples[0].superpoint is None else joined("superpoint"),
        bent=torch.from_numpy(np.concatenate(seen)) if bent else None,
        sizes=tuple(len(sample) for sample in samples),
        names=tuple(sample.name for sample in samples),
    )
