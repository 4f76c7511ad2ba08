"""Evidence from a bag."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.doctor.evidence import STATIC, Evidence, Stream
from seg3d_ros.recordings.bag_path import BagPath
from seg3d_ros.recordings.bag_reader import BagReader
from seg3d_ros.recordings.bag_topics import TRANSFORMS, find_sources
from seg3d_ros.recordings.recording import RecordingError


def read_bag(path: Path, *, duration_s: float, topic: str = "", fixed_frame: str = "") -> Evidence:
    """Read the beginning of a bag.

    Args:
        path: rosbag2 folder, .mcap, .db3 or .bag file.
        duration_s: how much of it, seconds.
        topic: cloud or depth topic to look at; empty: all.
        fixed_frame: frame of the map; empty: map, odom, world or the root of the transforms.

    Raises:
        RecordingError: the bag cannot be read, or has no such topic.
    """
    with BagReader(BagPath(path)) as reader:
        sources = find_sources(reader.types)
        if topic:
            if topic not in sources:
                raise RecordingError(
                    f"topic {topic!r} is no cloud or depth camera; there are: "
                    f"{', '.join(sources) or 'none'}"
                )
            sources = {topic: sources[topic]}
        transforms = [name for name, kind in reader.types.items() if kind == TRANSFORMS]
        evidence = Evidence({}, dict(reader.types), sources)
        for name in [*transforms, *evidence.source_topics]:
            evidence.streams[name] = Stream(name, reader.types[name])
        for name in [name for name in transforms if name.endswith(STATIC)]:
            for _, recorded_ns, message in reader.messages([name]):
                evidence.transforms.add(message, recorded_ns, static=True)
        evidence.duration_s = _read(reader, evidence, duration_s)
    evidence.choose_fixed_frame(fixed_frame.removeprefix("/"))
    return evidence


def _read(reader: BagReader, evidence: Evidence, duration_s: float) -> float:
    """Take messages of the first seconds; returns how long they last."""
    first_ns = None
    elapsed_s = 0.0
    for topic, recorded_ns, message in reader.messages([*evidence.streams]):
        first_ns = recorded_ns if first_ns is None else first_ns
        elapsed_s = (recorded_ns - first_ns) * 1e-9
        if elapsed_s > duration_s:
            return duration_s
        evidence.take(topic, message, recorded_ns)
    return elapsed_s
