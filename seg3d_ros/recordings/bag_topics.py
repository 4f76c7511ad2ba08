"""Choice of a bag's topics: a cloud, or the three topics of a depth camera."""

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
_TRANSPORTS = ("compressedDepth", "compressed")  # of image_transport, the best for depth first
_NO_COLOR = ("compressedDepth", "theora", "ffmpeg", "zstd")  # transports that carry none to read


@dataclass(frozen=True)
class CloudTopic:
    """A topic of point clouds."""

    main: str

    @property
    def topics(self) -> tuple[str, ...]:
        """The topic."""
        return (self.main,)


@dataclass(frozen=True)
class CameraTopics:
    """Topics of depth (`main`) and colour, and of the intrinsics that lie nearest to each.

    A topic that is missing is empty.
    """

    main: str
    color: str
    info: str
    color_info: str

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics that are there, each once, the main one first."""
        names = (self.main, self.color, self.info, self.color_info)
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def is_complete(self) -> bool:
        """True when nothing is missing."""
        return bool(self.color and self.info and self.color_info)


def choose_topics(types: Mapping[str, str], wanted: str) -> CloudTopic | CameraTopics:
    """Find what to read in a bag.

    Args:
        types: message type of each topic.
        wanted: cloud or depth image topic to take; empty takes the only one there is.

    Raises:
        RecordingError: nothing fits, or several do; the message lists them.
    """
    sources = {
        topic: source
        for topic, source in find_sources(types).items()
        if isinstance(source, CloudTopic) or source.is_complete
    }
    listed = ", ".join(sources) or "none"
    if wanted and wanted not in sources:
        raise RecordingError(f"topic {wanted!r} is no cloud or depth camera; there are: {listed}")
    if wanted:
        return sources[wanted]
    if len(sources) > 1:
        raise RecordingError(f"the bag holds several sources: {listed}; choose one with --topic")
    if not sources:
        topics = ", ".join(f"{topic} ({kind})" for topic, kind in sorted(types.items()))
        raise RecordingError(
            "the bag holds neither a PointCloud2 nor a depth image with colour and camera_info; "
            f"its topics: {topics or 'none'}"
        )
    return next(iter(sources.values()))


def find_sources(types: Mapping[str, str]) -> dict[str, CloudTopic | CameraTopics]:
    """Clouds and depth cameras by their main topic; what a camera lacks is empty.

    Args:
        types: message type of each topic.
    """
    sources: dict[str, CloudTopic | CameraTopics] = {
        topic: CloudTopic(topic) for topic, kind in sorted(types.items()) if kind == CLOUD
    }
    images = [topic for topic, kind in types.items() if kind in (IMAGE, COMPRESSED)]
    depths = [topic for topic in images if "depth" in _plain(topic)]
    colors = [
        topic
        for topic in images
        if not any(word in _plain(topic) for word in ("depth", "infra"))
        and posixpath.basename(topic) not in _NO_COLOR
    ]
    infos = [topic for topic, kind in types.items() if kind == CAMERA_INFO]
    for topic in _best_transports(depths):
        color = _nearest(topic, colors)
        sources[topic] = CameraTopics(
            topic, color, _nearest(topic, infos), _nearest(color or topic, infos)
        )
    return dict(sorted(sources.items()))


def _plain(topic: str) -> str:
    """Topic of an image without the name of the transport that image_transport adds."""
    return posixpath.dirname(topic) if posixpath.basename(topic) in _TRANSPORTS else topic


def _best_transports(topics: list[str]) -> list[str]:
    """One topic an image: raw before compressed without loss before what may be a PNG."""
    best: dict[str, str] = {}
    for topic in sorted(topics, key=_rank):
        best.setdefault(_plain(topic), topic)
    return sorted(best.values())


def _rank(topic: str) -> int:
    name = posixpath.basename(topic)
    return _TRANSPORTS.index(name) + 1 if name in _TRANSPORTS else 0


def _nearest(topic: str, candidates: list[str]) -> str:
    """The topic that shares the longest beginning, the shorter one of equals; "" of none."""
    return max(
        sorted(candidates, key=len),
        key=lambda other: len(posixpath.commonpath([topic, other])),
        default="",
    )
