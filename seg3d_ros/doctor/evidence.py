"""Evidence for the diagnosis: streams of messages, their endpoints, the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seg3d_ros.doctor.quality import Endpoint
from seg3d_ros.doctor.transform_record import TransformRecord
from seg3d_ros.recordings.bag_topics import TRANSFORMS, CameraTopics, CloudTopic
from seg3d_ros.scene import Float64, Int64

CLOCK = "/clock"
STATIC = "/tf_static"


@dataclass
class Stream:
    """Messages of one topic.

    Attributes:
        topic: fully qualified name.
        kind: type of its messages, for example sensor_msgs/msg/Image.
        publishers: who sends; unknown for a bag.
        subscribers: who else listens.
        arrivals_ns: times of arrival, nanoseconds of the computer's clock or of the recorder.
        stamps_ns: stamps of the headers, or times on /clock, in the order of arrival.
        frames: names of the coordinate frames in the headers, without a leading slash.
        last: newest message, None where nothing came.
        largest_bytes: size of the largest message.
    """

    topic: str
    kind: str
    publishers: list[Endpoint] = field(default_factory=list)
    subscribers: list[Endpoint] = field(default_factory=list)
    arrivals_ns: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    last: Any = None
    largest_bytes: int = 0

    def __len__(self) -> int:
        return len(self.arrivals_ns)

    @property
    def rate_hz(self) -> float:
        """Messages a second, 0 for fewer than two."""
        if len(self) < 2:
            return 0.0
        return (len(self) - 1) / max((self.arrivals_ns[-1] - self.arrivals_ns[0]) * 1e-9, 1e-3)

    @property
    def stamps(self) -> Int64:
        """(N,) stamps, nanoseconds, sorted, each once."""
        return np.unique(np.array(self.stamps_ns, np.int64))

    def take(self, message: Any, arrival_ns: int, size: int = 0) -> None:
        """Count a message; only the newest is kept."""
        self.arrivals_ns.append(arrival_ns)
        self.largest_bytes = max(self.largest_bytes, size)
        self.last = message
        if hasattr(message, "clock"):
            self.stamps_ns.append(_nanoseconds(message.clock))
        header = getattr(message, "header", None)
        if header is None:
            return
        self.stamps_ns.append(_nanoseconds(header.stamp))
        frame = str(header.frame_id).removeprefix("/")
        if frame not in self.frames:
            self.frames.append(frame)


def nearest_gaps_s(stamps: Int64, others: Int64) -> Float64:
    """Distance of each of (N,) stamps to the nearest of (M,) sorted ones, seconds."""
    after = np.searchsorted(others, stamps)
    sides = [others[place.clip(0, len(others) - 1)] for place in (after - 1, after)]
    return np.asarray(np.abs(stamps - np.array(sides)).min(axis=0) * 1e-9)


def _nanoseconds(stamp: Any) -> int:
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


@dataclass(frozen=True)
class SegmentationNode:
    """A running node of this package.

    Attributes:
        name: fully qualified, for example /seg3d.
        inputs: type of each topic that it subscribes to.
        parameters: values by name.
    """

    name: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """Middleware and the limits that it runs into.

    Attributes:
        middleware: RMW implementation, for example rmw_fastrtps_cpp.
        environment: variables of this process.
        limits: values of sysctl settings by name; what cannot be read is missing.
        shared_memory_bytes: free space of /dev/shm, None where there is none.
    """

    middleware: str
    environment: Mapping[str, str]
    limits: Mapping[str, int]
    shared_memory_bytes: int | None


@dataclass
class Evidence:
    """All that the checks look at.

    Attributes:
        streams: by topic; also those that nobody publishes but the node subscribes to.
        types: type of each topic there is.
        sources: clouds and cameras to examine, by main topic.
        transforms: what came on /tf and /tf_static.
        fixed_frame: frame of the map.
        duration_s: length of the listening, or of the part of the bag that was read.
        node: running node of this package, if there is one.
        machine: None for a bag.
    """

    streams: dict[str, Stream]
    types: dict[str, str]
    sources: dict[str, CloudTopic | CameraTopics]
    transforms: TransformRecord = field(default_factory=TransformRecord)
    fixed_frame: str = "map"
    duration_s: float = 0.0
    node: SegmentationNode | None = None
    machine: Machine | None = None

    @property
    def is_live(self) -> bool:
        """True for a running system, False for a bag."""
        return self.machine is not None

    @property
    def source_topics(self) -> list[str]:
        """Topics of the sources, each once."""
        return list(dict.fromkeys(t for source in self.sources.values() for t in source.topics))

    @property
    def clock_s(self) -> Float64:
        """(N, 2) times of arrival and times on /clock, seconds; empty where none runs."""
        clock = self.streams.get(CLOCK)
        if clock is None:
            return np.empty((0, 2))
        return np.array([clock.arrivals_ns, clock.stamps_ns], np.float64).T * 1e-9

    def take(self, topic: str, message: Any, arrival_ns: int) -> None:
        """Put a message to its stream, and transforms into the tree."""
        stream = self.streams[topic]
        stream.take(message, arrival_ns, len(getattr(message, "data", ())))
        if stream.kind == TRANSFORMS:
            self.transforms.add(message, arrival_ns, static=topic.endswith(STATIC))

    def choose_fixed_frame(self, wanted: str) -> None:
        """Take a frame for that of the map; empty takes the usual one above the first sensor."""
        sensors = [
            stream.frames[-1]
            for stream in (self.streams[topic] for topic in self.sources)
            if stream.frames
        ]
        self.fixed_frame = wanted or (
            self.transforms.usual_fixed_frame(sensors[0]) if sensors else "map"
        )

    def arrivals_s(self, stream: Stream) -> Float64:
        """(N,) times of arrival by the clock that stamps are compared to, seconds.

        That is /clock where it runs: the stamps of a simulation or a bag are its times.
        """
        arrivals = np.array(stream.arrivals_ns, np.float64) * 1e-9
        clock = self.clock_s
        return np.interp(arrivals, *clock.T) if len(clock) > 1 else arrivals
