"""Rooms seen by a simulated RGB-D camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.synthesis.capture import CAREFUL, Capture
from seg3d_ros.synthesis.decor import PLAIN, Decor
from seg3d_ros.synthesis.fusion import Int32
from seg3d_ros.synthesis.rig import make_rig
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.stage import Load, build_room, random_lights, ray_scene

RATE_HZ = 2.0
_FIRST_STAMP_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True, eq=False)
class Scan:
    """Frames of a room, as a camera saw them.

    Attributes:
        frames: measured, with the poses that the robot believes in.
        instances: (H * W,) int32 for each frame: place in `names`, NONE for what is no instance.
        names: of all instances.
    """

    frames: list[RecordedFrame]
    instances: list[Int32]
    names: list[str]


def scan_rooms(
    rooms: Sequence[Room],
    load: Load,
    rng: np.random.Generator,
    capture: Capture = CAREFUL,
    decor: Decor = PLAIN,
) -> Scan:
    """Build rooms with random materials and light, and walk through them.

    Args:
        rooms: what stands where; at least one.
        load: gives the mesh of a model by its key.
        rng: of everything that `rooms` leave open.
        capture: how they are scanned.
        decor: of all rooms.
    """
    built = [build_room(room, load, rng, decor) for room in rooms]
    names = [name for one in built for name in one.names]
    scene = ray_scene(built)
    poses = [pose for one in built for pose in one.views(capture, scene, rng)]
    rig = make_rig(scene, random_lights(built, rng), len(names), poses, rng, capture)
    views = [rig.look(pose, rng) for pose in poses]
    return make_scan(capture.believed(poses, rng), views, names)


def make_scan(
    believed: Sequence[Float64], views: Sequence[tuple[DepthImage, Int32]], names: list[str]
) -> Scan:
    """Scan of views in their order, at a steady rate.

    Args:
        believed: (4, 4) map_from_camera that the robot takes for the pose of each view.
        views: images and their instances.
        names: of the instances.
    """
    frames = [
        RecordedFrame(stamp_ns(number), pose, image)
        for number, (pose, (image, _)) in enumerate(zip(believed, views, strict=True))
    ]
    return Scan(frames, [instances for _, instances in views], names)


def stamp_ns(number: int) -> int:
    """Stamp of a frame of a scan, by its number."""
    return _FIRST_STAMP_NS + round(number * 1e9 / RATE_HZ)
