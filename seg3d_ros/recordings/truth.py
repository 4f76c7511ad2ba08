"""Ground truth of a recording: the object that each measured point belongs to.

Beside the images of a folder lie

truth.json: "names" of all objects, by number, "words" that they were chosen from, and "moves" of
    those that were carried elsewhere;
truth/<stamp>.png: 16 bits a pixel of the depth image: number of the object + 1, 0 for none.

A recording of a still room may have objects.json instead: upright boxes of the objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Frame

Int32 = npt.NDArray[np.int32]
Point = tuple[float, float, float]

NONE = -1
STRUCTURE = ("wall", "floor", "ceiling")  # names of what is no object
_BOX_MARGIN_M = 0.02  # the surface of a thing is measured a little outside its box
_FOOT_M = 0.015  # points nearer to the floor are the floor's


@dataclass(frozen=True)
class Move:
    """Object carried elsewhere while the camera looked away.

    Attributes:
        number: of the object.
        stamp_ns: of the first frame after it.
        start, end: middle of its foot before and after, map frame, metres.
    """

    number: int
    stamp_ns: int
    start: Point
    end: Point


class Truth(Protocol):
    """Ground truth of a recording.

    Attributes:
        names: of the objects, by number; those in STRUCTURE are none.
        words: names to choose from.
        moves: in the order of their stamps.
    """

    names: tuple[str, ...]
    words: tuple[str, ...]
    moves: tuple[Move, ...]

    def labels(self, frame: Frame) -> Int32:
        """(N,) int32 number of the object that each point of a frame belongs to, or NONE.

        Raises:
            RecordingError: there is no truth for this frame.
        """


def write_truth(
    folder: Path,
    names: Sequence[str],
    words: Sequence[str],
    moves: Sequence[Move],
    images: Iterable[tuple[int, Int32]],
) -> None:
    """Write the truth of a recording beside its images.

    Args:
        folder: of the recording.
        names: of the objects.
        words: names that they were chosen from.
        moves: of objects.
        images: for each frame its stamp, nanoseconds, and (H, W) int32 numbers or NONE.
    """
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for stamp_ns, labels in images:
        pixels = (labels + 1).astype(np.uint16)
        Image.fromarray(pixels).save(_label_image(folder, stamp_ns), optimize=True)
    document = {
        "names": list(names),
        "words": list(words),
        "moves": [asdict(move) for move in moves],
    }
    (folder / "truth.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_truth(folder: Path) -> Truth | None:
    """Ground truth of the recording in a folder; None where there is none.

    Raises:
        RecordingError: it is there and damaged.
    """
    for name, kind in (("truth.json", LabelImages), ("objects.json", TrueBoxes)):
        path = folder / name
        if path.is_file():
            try:
                return kind(folder, json.loads(path.read_bytes()))
            except (ValueError, TypeError, KeyError) as error:
                raise RecordingError(f"{path} is no ground truth ({error!r})") from error
    return None


class LabelImages:
    """Ground truth in images of object numbers; see `Truth`."""

    def __init__(self, folder: Path, document: Any) -> None:
        """Take over the content of truth.json in a folder."""
        self.names = tuple(map(str, document["names"]))
        self.words = tuple(map(str, document["words"]))
        self.moves = tuple(Move(**move) for move in document["moves"])
        self._folder = folder

    def labels(self, frame: Frame) -> Int32:
        """See `Truth`."""
        path = _label_image(self._folder, frame.stamp_ns)
        try:
            with Image.open(path) as image:
                labels = np.asarray(image, np.int32).ravel() - 1
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error}") from error
        if len(labels) != len(frame.points) or labels.max(initial=NONE) >= len(self.names):
            raise RecordingError(f"{path} does not fit its frame of {len(frame.points)} points")
        return labels


class TrueBoxes:
    """Ground truth from boxes of a still room; a point in several boxes is the smallest's."""

    def __init__(self, _: Path, document: Any) -> None:
        """Take over the content of objects.json: center, size (metres) and yaw (radians)."""
        boxes = document["objects"]
        names = [str(box["name"]) for box in boxes]
        self.names = (*names, STRUCTURE[0])  # the rest of a furnished room
        self.words = tuple(dict.fromkeys((*self.names, *STRUCTURE)))
        self.moves: tuple[Move, ...] = ()
        self._centers = np.array([box["center"] for box in boxes], float).reshape(-1, 3)
        self._halves = np.array([box["size"] for box in boxes], float).reshape(-1, 3) / 2
        self._yaws = np.array([box["yaw"] for box in boxes], float)

    def labels(self, frame: Frame) -> Int32:
        """See `Truth`."""
        pose = frame.map_from_sensor
        with np.errstate(invalid="ignore"):
            points = frame.points @ pose[:3, :3].T + pose[:3, 3]
        labels = np.where(np.isfinite(points).all(axis=1), len(self.names) - 1, NONE)
        x = points[:, 0].copy()
        for number in np.argsort(-self._halves.prod(axis=1)):
            half = self._halves[number] + _BOX_MARGIN_M
            reach = np.linalg.norm(half[:2])  # of its corners; few points are so near
            rows = np.flatnonzero(np.abs(x - self._centers[number, 0]) <= reach)
            offset = points[rows] - self._centers[number]
            cosine, sine = np.cos(self._yaws[number]), np.sin(self._yaws[number])
            offset[:, :2] = offset[:, :2] @ np.array([[cosine, -sine], [sine, cosine]])
            inside = (np.abs(offset) < half).all(axis=1) & (points[rows, 2] > _FOOT_M)
            labels[rows[inside]] = number
        return labels.astype(np.int32)


def _label_image(folder: Path, stamp_ns: int) -> Path:
    return folder / "truth" / f"{stamp_ns}.png"
