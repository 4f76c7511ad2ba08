"""Evidence for the doctor made by hand, from messages as `rosbags` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seg3d_ros.doctor.evidence import Evidence, Machine, Stream
from seg3d_ros.doctor.examination import examine
from seg3d_ros.doctor.finding import Finding
from seg3d_ros.recordings.bag_topics import find_sources
from support import bags

START_S = 1000.0
FRAMES = 20
PERIOD_S = 0.1
DEPTH, COLOR, INFO = "/cam/depth/image", "/cam/color/image", "/cam/color/camera_info"
OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # body_from_optical, x y z w

Make = Callable[[float], Any]  # stamp in seconds → message


def machine(**options: Any) -> Machine:
    """A computer without troubles."""
    good = {
        "middleware": "rmw_fastrtps_cpp",
        "environment": {"ROS_DISTRO": "kilted"},
        "limits": {"net.core.rmem_max": 2**28, "net.ipv4.ipfrag_high_thresh": 2**28},
        "shared_memory_bytes": 2**30,
    }
    return Machine(**{**good, **options})


def pose(
    seconds: float, parent: str, child: str, xyzw: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)
) -> Any:
    """TFMessage with a turn only."""
    message = bags.transform(seconds, parent, child, 0.0)
    rotation = bags.make("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", xyzw, strict=True)))
    message.transforms[0].transform.rotation = rotation
    return message


def camera_topics(**replaced: Make) -> dict[str, Make]:
    """Messages of a camera without faults, by topic; depth is 1.5 m all over."""
    good: dict[str, Make] = {
        DEPTH: lambda t: bags.depth(t, 1500),
        COLOR: lambda t: bags.color(t, 3),
        INFO: lambda t: bags.camera_info(t),
        "/tf": lambda t: pose(t, "map", "base_link"),
        "/tf_static": lambda t: pose(t, "base_link", "camera", OPTICAL),
    }
    return {**good, **replaced}


def evidence_of(
    topics: dict[str, Make | None],
    *,
    arrives: Callable[[str, float], float] = lambda topic, t: t,
    fixed_frame: str = "map",
    **options: Any,
) -> Evidence:
    """Twenty messages of each topic.

    Args:
        topics: None leaves a topic out.
        arrives: topic and stamp → time of arrival, seconds.
        fixed_frame: frame of the map.
        options: passed to Evidence.
    """
    makers = {topic: make for topic, make in topics.items() if make is not None}
    types = {topic: make(START_S).__msgtype__ for topic, make in makers.items()}
    evidence = Evidence({}, types, find_sources(types), duration_s=2.0, **options)
    evidence.streams = {topic: Stream(topic, kind) for topic, kind in types.items()}
    for topic, make in makers.items():
        for stamp in START_S + PERIOD_S * np.arange(FRAMES):
            evidence.take(topic, make(stamp), round(arrives(topic, stamp) * 1e9))
    evidence.choose_fixed_frame(fixed_frame)
    return evidence


def troubles(topics: dict[str, Make | None], **options: Any) -> list[Finding]:
    """Findings of `evidence_of` that are no notes."""
    found = examine(evidence_of(topics, **options))
    return [finding for finding in found if finding.level != "note"]
