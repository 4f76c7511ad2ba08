"""Poses from the /tf and /tf_static topics of a bag, read along with its frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

from seg3d_ros.mapping.transform_buffer import TransformBuffer
from seg3d_ros.mapping.transforms import matrix_from_pose
from seg3d_ros.recordings.bag_topics import TRANSFORMS
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64

logger = logging.getLogger(__name__)
_STATIC = "/tf_static"
_LEAD_NS = 1_000_000_000  # transforms recorded up to this much after a frame may belong to it
_FIXED_FRAMES = ("map", "odom", "world")  # the most global first (REP-105)
_FIRST_MESSAGES = 500  # read to learn the names of the frames


class BagTransforms:
    """Transforms of a bag up to the moment of the frame being read.

    Args:
        reader: opened rosbags reader, not shared with anything that reads other topics.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._buffer = TransformBuffer()
        self.frames: set[str] = set()
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
        return self._buffer.lookup(target, source, stamp_ns)

    def _messages(self, *, static: bool) -> Iterator[tuple[int, Any]]:
        """(time of recording, message) of one of the two topics; a namespace before it is fine."""
        chosen = [
            c
            for c in self._reader.connections
            if c.msgtype == TRANSFORMS and c.topic.endswith(_STATIC) == static
        ]
        if not chosen:  # no choice would mean every topic
            return
        for connection, recorded_ns, data in self._reader.messages(connections=chosen):
            yield recorded_ns, self._reader.deserialize(data, connection.msgtype)

    def _add(self, message: Any, *, static: bool) -> None:
        for item in message.transforms:
            parent, child = item.header.frame_id.lstrip("/"), item.child_frame_id.lstrip("/")
            self.frames |= {parent, child}
            move, turn = item.transform.translation, item.transform.rotation
            try:
                pose = matrix_from_pose((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))
                self._buffer.set_transform(
                    parent, child, stamp_of(item.header), pose, static=static
                )
            except ValueError as error:
                logger.warning("transform %s → %s left out: %s", parent, child, error)

    def choose_fixed_frame(self, wanted: str) -> str:
        """Frame that becomes the map: the wanted one, else map, odom or world.

        Raises:
            RecordingError: the bag has no transforms, or none of these frames.
        """
        for _, message in islice(self._messages(static=False), _FIRST_MESSAGES):
            self.frames |= {
                name.lstrip("/")
                for item in message.transforms
                for name in (item.header.frame_id, item.child_frame_id)
            }
        if not self.frames:
            raise RecordingError(
                "the bag holds no transforms, so nobody knows where the sensor was: "
                "record /tf and /tf_static as well"
            )
        for name in [wanted] if wanted else _FIXED_FRAMES:
            if name in self.frames:
                return name
        raise RecordingError(
            f"the bag has no frame {wanted or 'map, odom or world'}; name the one that stands "
            f"still with `fixed_frame`, from: {', '.join(sorted(self.frames))}"
        )


def stamp_of(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
