"""Which topics of a bag are read: a cloud, or the three topics of a depth camera."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from seg3d_ros.recordings.recording import RecordingError

CLOUD = "sensor_msgs/msg/PointCloud2"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TRANSFORMS = "tf2_msgs/msg/TFMessage"


@dataclass(frozen=True)
class CloudTopic:
    """A topic of point clouds."""

    main: str


@dataclass(frozen=True)
class CameraTopics:
    """Topics of registered depth and colour with their intrinsics; `main` carries the depth."""

    main: str
    color: str
    info: str


def choose_topics(types: Mapping[str, str], wanted: str) -> CloudTopic | CameraTopics:
    """Find what to read in a bag.

    Args:
        types: message type of each topic.
        wanted: cloud or depth image topic to take; empty takes the only one there is.

    Raises:
        RecordingError: nothing fits, or several do; the message lists them.
    """
    sources = _sources(types)
    listed = ", ".join(sources) or "none"
    if wanted and wanted not in sources:
        raise RecordingError(f"topic {wanted!r} is no cloud or depth camera; there are: {listed}")
    if wanted:
        return sources[wanted]
    if len(sources) > 1:
        raise RecordingError(f"the bag holds several sources: {listed}; choose one with `topic`")
    if not sources:
        topics = ", ".join(f"{topic} ({kind})" for topic, kind in sorted(types.items()))
        raise RecordingError(
            "the bag holds neither a PointCloud2 nor a depth image with colour and camera_info; "
            f"its topics: {topics or 'none'}"
        )
    return next(iter(sources.values()))


def _sources(types: Mapping[str, str]) -> dict[str, CloudTopic | CameraTopics]:
    """Everything that can be read, by its main topic."""
    sources: dict[str, CloudTopic | CameraTopics] = {}
    images = [topic for topic, kind in types.items() if kind in (IMAGE, COMPRESSED)]
    colors = [topic for topic in images if not any(word in topic for word in ("depth", "infra"))]
    infos = [topic for topic, kind in types.items() if kind == CAMERA_INFO]
    for topic, kind in sorted(types.items()):
        if kind == CLOUD:
            sources[topic] = CloudTopic(topic)
        elif kind == IMAGE and "depth" in topic and colors and infos:
            sources[topic] = CameraTopics(topic, _nearest(topic, colors), _nearest(topic, infos))
    return sources


def _nearest(topic: str, candidates: list[str]) -> str:
    """The topic that shares the longest beginning, the shorter one of equals."""
    return max(
        sorted(candidates, key=len), key=lambda other: len(posixpath.commonpath([topic, other]))
    )
