"""Poses from the /tf and /tf_static topics of a bag, read along with its frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from seg3d_ros.recordings.bag_reader import BagReader
from seg3d_ros.recordings.bag_topics import TRANSFORMS
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.transform_buffer import TransformBuffer
from seg3d_ros.sensing.transforms import matrix_from_pose

logger = logging.getLogger(__name__)
_STATIC = "/tf_static"
_LEAD_NS = 1_000_000_000  # transforms recorded up to this much after a frame may belong to it
_FIXED_FRAMES = ("map", "odom", "world")  # the most global first (REP-105)
_FIRST_MESSAGES = 500  # read to learn the names of the frames


class BagTransforms:
    """Transforms of a bag up to the moment of the frame being read.

    Args:
        reader: opened bag, not shared with anything that reads other topics.
    """

    def __init__(self, reader: BagReader) -> None:
        self._reader = reader
        self._buffer = TransformBuffer()
        self._parents: dict[str, str] = {}
        self._moving_frames: set[str] = set()
        for _, message in self._messages(static=True):
            self._add(message, static=True)
        self._moving = self._messages(static=False)
        self._pending = next(self._moving, None)

    def lookup(self, target: str, source: str, stamp_ns: int, *, recorded_ns: int) -> Float64:
        """(4, 4) target_from_source at a stamp, for a message recorded at a time.

        Raises:
            TransformError: the bag does not connect the two frames at that time.
        """
        while self._pending is not None and self._pending[0] <= recorded_ns + _LEAD_NS:
            self._add(self._pending[1], static=False)
            self._pending = next(self._moving, None)
        if target == source:  # known without any transform
            return np.eye(4)
        return self._buffer.lookup(target, source, stamp_ns)

    def choose_fixed_frame(self, wanted: str, sensor: str) -> str:
        """Frame that becomes the map.

        Args:
            wanted: name to take; empty takes map, odom or world above the sensor, else the root
                of the sensor's tree.
            sensor: frame of the sensor.

        Raises:
            RecordingError: the bag has no such frame, or no transforms and nothing is wanted.
        """
        for _, message in islice(self._messages(static=False), _FIRST_MESSAGES):
            self._learn_frames(message, static=False)
        frames = {*self._parents, *self._parents.values(), sensor}
        if wanted in frames:
            return wanted
        if wanted:
            raise RecordingError(
                f"the bag has no frame {wanted}; take one of {', '.join(sorted(frames))}"
            )
        if not self._parents:
            raise RecordingError(
                "the bag holds no transforms, so nobody knows where the sensor was: record /tf "
                "and /tf_static as well; if the sensor stood still, take its own frame: "
                f"--fixed-frame {sensor}"
            )
        above = self._ancestors(sensor)
        if len(above) == 1:  # not in any tree yet: the one that moves, the largest of several
            trees = [self._ancestors(frame) for frame in sorted(self._parents)]
            above = max(
                trees, key=lambda tree: (not self._moving_frames.isdisjoint(tree), len(tree))
            )
        chosen = next((name for name in _FIXED_FRAMES if name in above), above[-1])
        if chosen not in _FIXED_FRAMES:
            logger.warning(
                "the root %s of the transforms becomes the map, with z up; "
                "--fixed-frame takes another", chosen,
            )  # fmt: skip
        return chosen

    def _ancestors(self, frame: str) -> list[str]:
        """The frame and those above it, up to the root."""
        chain = [frame]
        while (parent := self._parents.get(chain[-1])) is not None and parent not in chain:
            chain.append(parent)
        return chain

    def _messages(self, *, static: bool) -> Iterator[tuple[int, Any]]:
        """(time of recording, message) of one of the two topics; a namespace before it is fine."""
        topics = [
            topic
            for topic, kind in self._reader.types.items()
            if kind == TRANSFORMS and topic.endswith(_STATIC) == static
        ]
        for _, recorded_ns, message in self._reader.messages(topics):
            yield recorded_ns, message

    def _learn_frames(self, message: Any, *, static: bool) -> None:
        for parent, child in (_names(item) for item in message.transforms):
            self._parents[child] = parent
            if not static:
                self._moving_frames.add(child)

    def _add(self, message: Any, *, static: bool) -> None:
        self._learn_frames(message, static=static)
        for item in message.transforms:
            parent, child = _names(item)
            move, turn = item.transform.translation, item.transform.rotation
            try:
                pose = matrix_from_pose((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))
                self._buffer.set_transform(
                    parent, child, stamp_of(item.header), pose, static=static
                )
            except ValueError as error:
                logger.warning("transform %s → %s left out: %s", parent, child, error)


def _names(item: Any) -> tuple[str, str]:
    """Parent and child of a geometry_msgs/TransformStamped."""
    return item.header.frame_id.lstrip("/"), item.child_frame_id.lstrip("/")


def stamp_of(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
