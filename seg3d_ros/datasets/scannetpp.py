"""ScanNet++ v2 with the labels of its semantic (100) and instance (84 classes) benchmarks.

C. Yeshwanth et al., "ScanNet++: A High-Fidelity Dataset of 3D Indoor Scenes", ICCV 2023. As
downloaded:

    data/<scene>/scans/mesh_aligned_0.05.ply    mesh, labelled by vertex
                       segments.json            segment of each vertex
                       segments_anno.json       objects: groups of segments, which may overlap
    metadata/semantic_benchmark/map_benchmark.csv       raw label -> class
    splits/nvs_sem_train.txt, nvs_sem_val.txt, sem_test.txt

segment.npy holds the 84 instance classes, whose names are in names.txt, and segment100.npy the 100
semantic ones. A vertex of several objects belongs to the smallest of them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.datasets.raw_dataset import RawScene, SceneList
from seg3d_ros.datasets.scanned_mesh import read_scanned_mesh
from seg3d_ros.datasets.scene_arrays import NONE, SceneArrays
from seg3d_ros.datasets.segment_groups import (
    SegmentGroup,
    SegmentRows,
    read_groups,
    read_segments,
    rows_of_groups,
)
from seg3d_ros.errors import InputError
from seg3d_ros.scene import Int64
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

_SPLIT_FILES = {"train": "nvs_sem_train.txt", "val": "nvs_sem_val.txt", "test": "sem_test.txt"}
_LABEL_MAP = Path("metadata", "semantic_benchmark", "map_benchmark.csv")
_MOST_LABELS = 3  # of a vertex, as in the benchmark; further objects leave it alone


@dataclass(frozen=True)
class ScanNetPP:
    """ScanNet++ v2 as downloaded.

    Attributes:
        root: folder that holds data/, metadata/ and splits/.
    """

    root: Path

    name = "scannetpp"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the 84 instance classes."""
        return tuple(name for name in load_vocabulary_file("scannetpp") if name[0] != "-")

    @property
    def options(self) -> Mapping[str, Any]:
        """Choices that change the files: none."""
        return {}

    def scenes(self) -> SceneList:
        """Scenes of the three splits that are there.

        Raises:
            FileNotFoundError: there are none, or a table is missing.
        """
        scenes: list[RawScene] = []
        published: dict[str, int] = {}
        for split, file in _SPLIT_FILES.items():
            names = _lines(self.root / "splits" / file)
            published[split] = len(names)
            folders = [(name, self.root / "data" / name / "scans") for name in names]
            scenes += [RawScene(split, name, path) for name, path in folders if path.is_dir()]
        if not scenes:
            raise FileNotFoundError(
                f"{self.root} holds no scene of its splits: expected data/<scene>/scans"
            )
        load_class_map(self.root / _LABEL_MAP)
        return SceneList(tuple(scenes), published)

    def read(self, scene: RawScene) -> SceneArrays:
        """Read one scene.

        Raises:
            FileNotFoundError: a file of it is missing.
            InputError: a file is damaged, or they do not fit each other.
        """
        mesh = read_scanned_mesh(scene.folder / "mesh_aligned_0.05.ply")
        if scene.split == "test":
            return mesh.labelled({})
        segments = read_segments(scene.folder / "segments.json", len(mesh))
        groups = read_groups(scene.folder / "segments_anno.json", id_key="objectId")
        classes = load_class_map(self.root / _LABEL_MAP)
        segment, instance = _smallest_objects(groups, segments, classes, len(mesh))
        return mesh.labelled(
            {
                "segment": instance_classes()[segment],
                "segment100": segment,
                "instance": instance,
            }
        )


def _smallest_objects(
    groups: list[SegmentGroup], segments: SegmentRows, classes: Mapping[str, int], vertices: int
) -> tuple[Int64, Int64]:
    """(V,) class and (V,) id of the smallest object of each vertex, the first of equal ones.

    A vertex takes part in the first three objects alone, and these have the size that is left.
    """
    segment = np.full(vertices, NONE, np.int64)
    instance = np.full(vertices, NONE, np.int64)
    smallest = np.full(vertices, vertices + 1, np.int64)
    used = np.zeros(vertices, np.int64)
    for group, all_rows in rows_of_groups(groups, segments):
        number = classes.get(group.label, NONE)
        if number == NONE:
            continue
        rows = all_rows[used[all_rows] < _MOST_LABELS]
        used[rows] += 1
        better = rows[len(rows) < smallest[rows]]
        segment[better], instance[better], smallest[better] = number, group.id, len(rows)
    return segment, instance


@cache
def instance_classes() -> Int64:
    """(101,) instance class of each of the 100 semantic classes and, last, of -1; -1: none."""
    counts = np.array([name[0] != "-" for name in load_vocabulary_file("scannetpp")])
    return np.append(np.where(counts, np.cumsum(counts) - 1, NONE), NONE)


@cache
def load_class_map(path: Path) -> Mapping[str, int]:
    """Read the semantic classes of ScanNet++'s raw labels.

    Args:
        path: map_benchmark.csv; an empty semantic_map_to stands for the label itself, and
            "None" for no class.

    Returns:
        Class among the 100 by raw label, for labels that have one.

    Raises:
        FileNotFoundError: it is not there.
        InputError: it is no such table.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; download the metadata of ScanNet++")
    names = [name.lstrip("-") for name in load_vocabulary_file("scannetpp")]
    numbers = {name: i for i, name in enumerate(names)}
    targets: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                target = row["semantic_map_to"]
                if target == "":
                    targets.setdefault(row["class"], row["class"])
                elif target != "None":
                    targets[row["class"]] = target
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path} is no table of ScanNet++'s labels ({type(error).__name__}: {error})"
        ) from error
    return {label: numbers[name] for label, name in targets.items() if name in numbers}


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; download the splits of ScanNet++")
    return path.read_text(encoding="utf-8").split()
