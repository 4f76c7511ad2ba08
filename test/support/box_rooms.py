"""Rooms with boxes for furniture: what a data set is written from when there is no library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Camera
from seg3d_ros.synthesis.capture import Capture
from seg3d_ros.synthesis.materials import paint
from seg3d_ros.synthesis.mesh import Mesh
from seg3d_ros.synthesis.room import Opening, Placed, Room
from seg3d_ros.synthesis.scan import Scan, scan_rooms
from seg3d_ros.synthesis.shell import boxes

CAMERA = Camera(160, 120, 131.25, 131.25, 79.5, 59.5)  # few pixels are soon drawn
ROOM = Room(
    (3.0, 2.5, 2.4),
    "test",
    (
        Opening("door", "west", 0.5, 1.4, 0.0, 2.0),
        Opening("window", "south", 0.8, 1.8, 0.9, 1.9),
    ),
    (
        Placed("cube", "table", 1.5, 1.8, 0.0, 30.0, 1.0),
        Placed("cube", "cup", 1.5, 1.8, 0.5, 0.0, 0.3),
    ),
)


def load_cube(key: str) -> Mesh:
    """A cube of half a metre on the floor."""
    rng = np.random.default_rng(0)
    material = paint(np.array([0.8, 0.1, 0.1], np.float32), rng=rng)
    return boxes([((-0.25, -0.25, 0.0), (0.25, 0.25, 0.5))], material)


@dataclass
class BoxRooms:
    """A `RoomMaker` whose rooms have the same furniture and differ in all else."""

    seed: int = 0

    def names(self) -> dict[str, bool]:
        seen = ("table", "wall", "floor", "ceiling", "door", "window")
        return dict.fromkeys(seen, True) | {"cup": False}

    def make(self, split: str, number: int) -> tuple[tuple[Room, ...], Scan]:
        rng = np.random.default_rng([self.seed, len(split), number])
        return (ROOM,), scan_rooms([ROOM], load_cube, rng, Capture(CAMERA))
