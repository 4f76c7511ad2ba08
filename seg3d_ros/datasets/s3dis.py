"""S3DIS: six areas of office buildings, 13 classes.

I. Armeni et al., "3D Semantic Parsing of Large-Scale Indoor Spaces", CVPR 2016. As downloaded
(Stanford3dDataset_v1.2, aligned or not):

    Area_1/Area_1_alignmentAngle.txt            room and its angle about z, degrees
           office_1/Annotations/chair_1.txt     points of one object: x y z r g b

The files have known faults: a NUL byte inside a line, a copy named "wall_3 (1).txt", objects of
classes that do not count ("stairs", which are clutter).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.datasets.raw_dataset import RawScene, SceneList
from seg3d_ros.datasets.scene_arrays import SceneArrays
from seg3d_ros.errors import InputError
from seg3d_ros.recordings.text_numbers import parse_numbers
from seg3d_ros.scene import Float64

CLASSES = (
    "ceiling", "floor", "wall", "beam", "column", "window", "door", "table", "chair", "sofa",
    "bookcase", "board", "clutter",
)  # fmt: skip
_OBJECT = re.compile(r"([A-Za-z]+)_\d+\.txt")
_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r")
_BLANKED = bytes.maketrans(_CONTROL, b" " * len(_CONTROL))
_COLUMNS = 6


@dataclass(frozen=True)
class S3DIS:
    """S3DIS as downloaded.

    Attributes:
        root: folder of the areas.
        held_out: area that is the split "val"; the others are "train".
        axis_align: turn each room by its alignment angle, so that walls run along x and y; for
            the version that is not aligned.
    """

    root: Path
    held_out: int = 5
    axis_align: bool = False

    name = "s3dis"
    class_names = CLASSES

    @property
    def options(self) -> Mapping[str, Any]:
        """Choices that change the files."""
        return {"held_out": self.held_out, "axis_align": self.axis_align}

    def scenes(self) -> SceneList:
        """Rooms that are there.

        Raises:
            FileNotFoundError: there are none.
        """
        rooms = sorted(path.parent for path in self.root.glob("Area_[1-6]/*/Annotations"))
        if not rooms:
            raise FileNotFoundError(
                f"{self.root} holds no S3DIS rooms: expected Area_1/office_1/Annotations"
            )
        held_out = f"Area_{self.held_out}"
        scenes = (
            RawScene(
                "val" if room.parent.name == held_out else "train",
                f"{room.parent.name}_{room.name}",
                room,
            )
            for room in rooms
        )
        return SceneList(tuple(scenes))

    def read(self, scene: RawScene) -> SceneArrays:
        """Read one room.

        Raises:
            FileNotFoundError: it has no objects, or the angle is missing.
            InputError: a file is damaged.
        """
        files = sorted((scene.folder / "Annotations").glob("*.txt"))
        objects = [(match[1], path) for path in files if (match := _OBJECT.fullmatch(path.name))]
        if not objects:
            raise FileNotFoundError(f"{scene.folder}/Annotations holds no chair_1.txt and so on")
        tables = [_read_points(path) for _, path in objects]
        sizes = [len(table) for table in tables]
        numbers = {name: i for i, name in enumerate(CLASSES)}
        classes = [numbers.get(name, numbers["clutter"]) for name, _ in objects]
        values = np.concatenate(tables)
        points = values[:, :3]
        if self.axis_align:
            points = _turned(points, _alignment_angle(scene.folder))
        return SceneArrays(
            points=points.astype(np.float32),
            colors=np.clip(values[:, 3:], 0, 255).astype(np.uint8),
            normals=None,
            labels={
                "segment": np.repeat(classes, sizes),
                "instance": np.repeat(np.arange(len(objects)), sizes),
            },
        )


def _read_points(path: Path) -> Float64:
    """(P, 6) numbers of a text file; bytes that are no text separate like a blank."""
    text = np.frombuffer(path.read_bytes().translate(_BLANKED), np.uint8)
    try:
        numbers = parse_numbers(text)
    except ValueError as error:
        raise InputError(f"{path}: {error}; each line needs x y z r g b") from None
    if len(numbers) % _COLUMNS or not np.isfinite(numbers).all():
        raise InputError(
            f"{path} holds {len(numbers)} numbers, not {_COLUMNS} finite ones a line; "
            "it is damaged, download it again"
        )
    return numbers.reshape(-1, _COLUMNS)


def _alignment_angle(room: Path) -> float:
    """Angle of a room, degrees."""
    path = room.parent / f"{room.parent.name}_alignmentAngle.txt"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; it holds the angles of the rooms")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == room.name:
            try:
                return float(words[1])
            except ValueError as error:
                raise InputError(f"{path}: {error}") from error
    raise InputError(f"{path} has no angle of {room.name}")


def _turned(points: Float64, degrees: float) -> Float64:
    """(P, 3) points, turned clockwise about the vertical through the middle of their box."""
    angle = -np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    turned: Float64 = (points - center) @ rotation.T + center
    return turned
