"""Demo room: the recording that comes with the package, as a map, and its true objects."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.scene import Scene

FOLDER = Path(__file__).parents[2] / "data" / "demo_room"
TRUTH = json.loads((FOLDER / "objects.json").read_text())["objects"]


@functools.cache
def demo_scene() -> Scene:
    """The whole room, as the node's default settings map it."""
    room = VoxelMap()
    for recorded in open_recording(FOLDER).frames():
        room.integrate(to_frame(recorded))
    return room.snapshot()
