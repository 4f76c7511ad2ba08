"""Record of the transforms: the tree, its links, and when each of their samples came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.sensing.transform_buffer import TransformBuffer

FIXED_FRAMES = ("map", "odom", "world")  # the most global first (REP-105)
_CACHE_S = 3600.0


@dataclass
class Link:
    """Samples of one child frame.

    Attributes:
        parents: frames it hung on, the newest last.
        static: it came on /tf_static.
        moving: it came on /tf.
        samples: (stamp, arrival) of each moving sample, nanoseconds.
    """

    parents: list[str] = field(default_factory=list)
    static: bool = False
    moving: bool = False
    samples: list[tuple[int, int]] = field(default_factory=list)


class TransformRecord:
    """Transforms received on /tf and /tf_static.

    Attributes:
        links: by child frame.
        faults: sentences about transforms that no buffer takes.
    """

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.faults: list[str] = []
        self._buffer = TransformBuffer(_CACHE_S)

    def add(self, message: Any, arrival_ns: int, *, static: bool) -> None:
        """Take a tf2_msgs/TFMessage."""
        for item in message.transforms:
            parent, child = (
                name.removeprefix("/") for name in (item.header.frame_id, item.child_frame_id)
            )
            stamp_ns = int(item.header.stamp.sec) * 10**9 + int(item.header.stamp.nanosec)
            move, turn = item.transform.translation, item.transform.rotation
            pose = (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
            try:
                self._buffer.set_pose(parent, child, stamp_ns, pose, static=static)
            except InputError as error:
                fault = f"the transform {child!r} in {parent!r} cannot be used: {error}"
                self.faults += [fault] if fault not in self.faults else []
                continue
            link = self.links.setdefault(child, Link())
            link.parents = [*(name for name in link.parents if name != parent), parent]
            link.static, link.moving = link.static or static, link.moving or not static
            if not static:
                link.samples.append((stamp_ns, arrival_ns))

    @property
    def frames(self) -> set[str]:
        """All frames there are."""
        parents = {parent for link in self.links.values() for parent in link.parents}
        return parents | self.links.keys()

    def ancestors(self, frame: str) -> list[str]:
        """The frame and those above it, up to the root of its tree."""
        chain = [frame]
        while chain[-1] in self.links:
            parent = self.links[chain[-1]].parents[-1]
            if parent in chain:
                break
            chain.append(parent)
        return chain

    def usual_fixed_frame(self, sensor: str) -> str:
        """map, odom or world above a sensor, else the root of its tree; map if there is none."""
        if not self.links:
            return FIXED_FRAMES[0]
        above = self.ancestors(sensor)
        return next((name for name in FIXED_FRAMES if name in above), above[-1])

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> Float64:
        """(4, 4) target_from_source; see `TransformBuffer.lookup` for the errors."""
        if target == source:
            return np.eye(4)
        return self._buffer.lookup(target, source, stamp_ns)

    def moving_between(self, target: str, source: str) -> list[str]:
        """Moving child frames of the chain between two frames of one tree."""
        upper, lower = self.ancestors(target), self.ancestors(source)
        chain = set(upper) ^ set(lower)
        return [name for name in lower + upper if name in chain and self.links[name].moving]

    def waits_s(self, child: str, stamps_ns: Int64, arrivals_ns: Int64) -> Float64:
        """Delays until a moving frame is known at the times of messages.

        Args:
            child: moving frame.
            stamps_ns: (N,) stamps of messages.
            arrivals_ns: (N,) times of their arrival.

        Returns:
            (N,) seconds, negative where the transform came first, infinite where none came.
        """
        samples = np.array(sorted(self.links[child].samples), np.int64)
        first_arrival = np.minimum.accumulate(samples[::-1, 1])[::-1]
        place = np.searchsorted(samples[:, 0], stamps_ns)
        waits = np.full(len(place), np.inf)
        known = place < len(samples)
        arrived = first_arrival[place[known]]
        waits[known] = (arrived - arrivals_ns[known]) * 1e-9
        return waits
