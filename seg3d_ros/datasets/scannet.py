"""ScanNet v2 with the labels of its benchmark of 20 classes and of ScanNet200.

A. Dai et al., "ScanNet: Richly-annotated 3D Reconstructions of Indoor Scenes", CVPR 2017;
D. Rozenberszki et al., "Language-Grounded Indoor 3D Semantic Segmentation in the Wild", ECCV 2022.
As downloaded:

    scannetv2-labels.combined.tsv     raw label -> ids of the label sets
    scans/<scan>/<scan>_vh_clean_2.ply                        mesh, labelled by vertex
                 <scan>_vh_clean_2.0.010000.segs.json         segment of each vertex
                 <scan>.aggregation.json                      objects: groups of segments
                 <scan>.txt                                   axisAlignment, among others
                 <scan>.sens                                  RGB-D frames, if wanted
    scans_test/<scan>/                the same without labels
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.datasets.posed_frames import PosedFrames
from seg3d_ros.datasets.raw_dataset import RawScene, SceneList
from seg3d_ros.datasets.scanned_mesh import read_scanned_mesh
from seg3d_ros.datasets.scannet_classes import SCANNET20_IDS, scannet200_ids
from seg3d_ros.datasets.scene_arrays import NONE, SceneArrays
from seg3d_ros.datasets.segment_groups import read_groups, read_segments, rows_of_groups
from seg3d_ros.datasets.sens_file import SensFile
from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64, Int64

_SCAN = re.compile(r"scene(\d{4})_\d{2}")
_FIRST_TEST_SPACE = 707
_SCANS = {"train": 1201, "val": 312, "test": 100}
_LABELS = "scannetv2-labels.combined.tsv"


@dataclass(frozen=True)
class ScanNet:
    """ScanNet v2 as downloaded.

    Attributes:
        root: folder that holds scans/ or the folders of the scans themselves.
        axis_align: turn each scan by the axisAlignment of its .txt file, so that walls run along
            x and y. Published models learned from scans that are not turned.
        label_map: table of raw labels; None: scannetv2-labels.combined.tsv in `root`.
        frames: one in so many frames of the .sens file is kept; None: none of them.
    """

    root: Path
    axis_align: bool = False
    label_map: Path | None = None
    frames: int | None = None

    name = "scannet"
    class_names = None  # evaluation knows the label sets scannet20 and scannet200

    @property
    def options(self) -> Mapping[str, Any]:
        """Choices that change the files."""
        return {"axis_align": self.axis_align, "frames": self.frames}

    def scenes(self) -> SceneList:
        """Scans that are there.

        Raises:
            FileNotFoundError: there are none, or the table of labels is missing.
        """
        folders = (self.root, self.root / "scans", self.root / "scans_test")
        found = {path.name: path for folder in folders for path in folder.glob("scene*")}
        scenes = [
            RawScene(_split(name), name, path)
            for name, path in sorted(found.items())
            if _SCAN.fullmatch(name) and path.is_dir()
        ]
        if not scenes:
            raise FileNotFoundError(
                f"{self.root} holds no ScanNet scans: expected scans/scene0000_00 and so on"
            )
        if any(scene.split != "test" for scene in scenes):
            load_label_map(self._label_map)
        return SceneList(tuple(scenes), published=_SCANS)

    def read(self, scene: RawScene) -> SceneArrays:
        """Read one scan.

        Raises:
            FileNotFoundError: a file of it is missing.
            InputError: a file is damaged, or they do not fit each other.
        """
        start = scene.folder / scene.name
        turn = _axis_alignment(start.with_suffix(".txt")) if self.axis_align else None
        mesh = read_scanned_mesh(Path(f"{start}_vh_clean_2.ply"), world_from_scan=turn)
        arrays = mesh.labelled({} if scene.split == "test" else self._labels(start, len(mesh)))
        if self.frames is None:
            return arrays
        recording = SensFile.open(start.with_suffix(".sens"))
        return replace(arrays, frames=PosedFrames(recording, self.frames, turn))

    def _labels(self, start: Path, vertices: int) -> Mapping[str, Int64]:
        """(V,) labels by file name; `start` of the names of the scan's files."""
        segment20, segment200, instance = np.full((3, vertices), NONE, np.int64)
        ids = load_label_map(self._label_map)
        segments = read_segments(Path(f"{start}_vh_clean_2.0.010000.segs.json"), vertices)
        groups = read_groups(Path(f"{start}.aggregation.json"), id_key="id")
        for group, rows in rows_of_groups(groups, segments):  # later ones win
            segment20[rows], segment200[rows] = ids.get(group.label, (NONE, NONE))
            instance[rows] = group.id
        return {"segment20": segment20, "segment200": segment200, "instance": instance}

    @property
    def _label_map(self) -> Path:
        return self.label_map or self.root / _LABELS


def _split(scan: str) -> str:
    space = int(scan[5:9])
    if space >= _FIRST_TEST_SPACE:
        return "test"
    return "val" if space in _validation_spaces() else "train"


@cache
def _validation_spaces() -> frozenset[int]:
    table = resources.files("seg3d_ros.datasets") / "scannet_val_spaces.txt"
    lines = table.read_text(encoding="utf-8").splitlines()
    return frozenset(int(n) for line in lines if not line.startswith("#") for n in line.split())


@cache
def load_label_map(path: Path) -> Mapping[str, tuple[int, int]]:
    """Read the classes of ScanNet's raw labels.

    Args:
        path: scannetv2-labels.combined.tsv.

    Returns:
        (class among the 20, class among the 200) by raw label, -1 for none.

    Raises:
        FileNotFoundError: it is not there.
        InputError: it is no such table.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; download it with --label_map of ScanNet's script, or give "
            "--label-map"
        )
    class20 = {label: i for i, label in enumerate(SCANNET20_IDS)}
    class200 = {label: i for i, label in enumerate(scannet200_ids())}
    classes: dict[str, tuple[int, int]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                found = (
                    class20.get(int(row["nyu40id"]), NONE),
                    class200.get(int(row["id"]), NONE),
                )
                classes.setdefault(row["raw_category"], found)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no table of ScanNet's labels ({type(error).__name__}: {error})"
        ) from error
    return classes


def _axis_alignment(path: Path) -> Float64:
    """(4, 4) world_from_scan of a scan's .txt file; the identity where it has none."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; it holds the axis alignment")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() != "axisAlignment":
            continue
        try:
            return np.array(value.split(), np.float64).reshape(4, 4)
        except ValueError as error:
            raise InputError(f"{path}: axisAlignment needs 16 numbers ({error})") from error
    return np.eye(4)
