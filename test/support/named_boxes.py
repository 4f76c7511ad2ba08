"""Map file of the toy room, its boxes called crate, bench and tower."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.objects.edits import Rename
from seg3d_ros.objects.query import Query
from seg3d_ros.recordings.open import open_recording
from support import toy_room
from support.toy_recording import write_toy_recording

NAMES = ("crate", "bench", "tower")


def write_named_boxes(folder: Path) -> Path:
    """Replay the toy recording into a map and name its boxes; returns the file."""
    engine = Engine(PerceptionSettings.of({"segmentation.model": "geometric"}))
    replay(open_recording(write_toy_recording(folder / "toy")), engine, segment_period=0.2)
    for box, name in zip(toy_room.BOXES, NAMES, strict=True):
        found = engine.query(Query(near=tuple(box.center), radius=0.01)).matches
        engine.edit(Rename(max((match.object for match in found), key=len).id, name))
    engine.save(folder / "room.map", fixed_frame="odom")
    return folder / "room.map"
