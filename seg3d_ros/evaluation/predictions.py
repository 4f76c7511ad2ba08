"""Sources of predictions: a segmenter that runs now, or files that some system has left.

Files lie in one folder and are called after their scene:

    scene0011_00.npz     masks (M, N) bool, scores (M,), and either labels (M,) classes, or
                         embeddings (M, D) unit vectors and space, the name of their text encoder
    scene0011_00.txt     as handed in to the ScanNet benchmark: lines "masks/7.txt 4 0.91" of a
                         mask file (a number for each point, 0 outside), label id and confidence
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.overlaps import NO_CLASS
from seg3d_ros.evaluation.scenes import LabelledScene
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Bool, Float32, Instances, Int64
from seg3d_ros.segmenters.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted instances of a scene of N points.

    Attributes:
        instances: M masks over the points of the file, in its order.
        classes: (M,) class of each, NO_CLASS for none; None where embeddings or nothing tells.
    """

    instances: Instances
    classes: Int64 | None = None

    def __len__(self) -> int:
        return len(self.instances)

    def take(self, rows: Int64) -> Predictions:
        """Those of the predictions, in this order."""
        classes = None if self.classes is None else self.classes[rows]
        return Predictions(self.instances.select(rows), classes)


class PredictionSource(Protocol):
    """Source of predictions for scenes.

    Attributes:
        name: in tables.
    """

    name: str

    def predict(self, scene: LabelledScene) -> Predictions:
        """Predictions over the points of the scene's file; they may not look at the truth."""
        ...


class SegmenterSource:
    """Runs a segmenter on the voxels of each scene."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        self.name = segmenter.name

    def predict(self, scene: LabelledScene) -> Predictions:
        """Segment the scene; a point has the masks of its voxel."""
        found = self.segmenter.segment(scene.voxels)
        return Predictions(replace(found, masks=found.masks.spread(scene.voxel_of_point)))


class FileSource:
    """Reads predictions from a folder of .npz or .txt files.

    Attributes:
        name: in tables.
        folder: of the files.
        class_ids: label id that .txt files use for class 0, 1, ...
    """

    def __init__(self, folder: Path, class_ids: Sequence[int]) -> None:
        """Look at nothing yet.

        Args:
            folder: of the files.
            class_ids: label id that .txt files use for class 0, 1, ...
        """
        self.name = folder.name
        self.folder = folder
        self.class_ids = tuple(class_ids)
        self._class_of_id = {label: number for number, label in enumerate(class_ids)}

    def predict(self, scene: LabelledScene) -> Predictions:
        """Read the file of the scene.

        Raises:
            FileNotFoundError: there is none.
            InputError: it cannot be read, or is not about these points.
        """
        arrays, lines = (self.folder / f"{scene.name}{suffix}" for suffix in (".npz", ".txt"))
        if arrays.is_file():
            found = _read_arrays(arrays)
        elif lines.is_file():
            found = self._read_lines(lines, len(scene))
        else:
            raise FileNotFoundError(f"no predictions for {scene.name}: {arrays} is missing")
        if found.instances.masks.width != len(scene):
            raise InputError(
                f"masks of {found.instances.masks.width} points for {scene.name}, which has "
                f"{len(scene)}: predict every point of coord.npy, in its order"
            )
        return found

    def _read_lines(self, path: Path, points: int) -> Predictions:
        masks, classes, scores = [], [], []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                file, label, score = line.split()
                classes.append(self._class_of_id.get(int(float(label)), NO_CLASS))
                scores.append(float(score))
            except ValueError as error:
                raise InputError(f"{path}: {line!r} is no mask file, label, score") from error
            masks.append(self._read_mask(file, points))
        stacked = np.array(masks, np.bool_).reshape(-1, points)
        return _checked(path, stacked, np.array(scores), np.array(classes, np.int64))

    def _read_mask(self, file: str, points: int) -> Bool:
        path = (self.folder / file).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise InputError(f"the mask file {file} lies outside {self.folder}")
        mask = np.loadtxt(path, dtype=np.float64, ndmin=1) != 0
        if mask.shape != (points,):
            raise InputError(f"{path} has {len(mask)} lines for {points} points")
        return mask


def _read_arrays(path: Path) -> Predictions:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no archive of arrays ({error})") from error
    if missing := {"masks", "scores"} - arrays.keys():
        raise InputError(f"{path} lacks {' and '.join(sorted(missing))}")
    if "embeddings" in arrays and "space" not in arrays:
        raise InputError(
            f"{path} has embeddings but no space: name their text encoder, all-MiniLM-L6-v2"
        )
    classes = arrays["labels"].astype(np.int64) if "labels" in arrays else None
    return _checked(
        path,
        arrays["masks"].astype(np.bool_, copy=False),
        arrays["scores"],
        classes,
        embeddings=arrays.get("embeddings"),
        space=str(arrays["space"]) if "embeddings" in arrays else None,
    )


def _checked(
    path: Path,
    masks: Bool,
    scores: Float32,
    classes: Int64 | None,
    *,
    embeddings: Float32 | None = None,
    space: str | None = None,
) -> Predictions:
    if not np.isfinite(scores).all():
        raise InputError(f"{path} has scores that are not finite")
    if classes is not None and classes.shape != (len(masks),):
        raise InputError(f"{path} has {len(classes)} labels for {len(masks)} masks")
    try:
        instances = Instances(Masks.of(masks), scores.astype(np.float32), embeddings, space)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return Predictions(instances, classes)
