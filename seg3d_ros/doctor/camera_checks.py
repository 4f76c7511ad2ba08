"""Checks of a depth camera: its four topics together, calibration, registration, depth unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seg3d_ros.doctor.evidence import Evidence, Stream, nearest_gaps_s
from seg3d_ros.doctor.finding import Finding, Findings
from seg3d_ros.doctor.remedies import parameter
from seg3d_ros.recordings.bag_topics import CameraTopics
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.calibration import is_rectified
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.rgbd import RgbdMessages, RgbdReader, unregistered_text
from seg3d_ros.sensing.transform_buffer import TransformError

MIN_PAIRED = 0.9
MAX_SLOP_S = 0.5  # further apart, a moving camera has seen something else
_SMALLEST_MEDIAN_M, _LARGEST_MEDIAN_M = 0.1, 50.0  # of what depth cameras see in a room
_MILLIMETRES = 1000.0
_ALIGN = "ros2 launch realsense2_camera rs_launch.py align_depth.enable:=true"
_ALIGN += "   # Orbbec: depth_registration:=true"


def check_camera(evidence: Evidence, topics: CameraTopics) -> Findings:
    """Checks that involve several topics of a camera."""
    missing = False
    for name, topic in (("colour image", topics.color), ("camera_info", topics.info)):
        if not topic:
            missing = True
            yield Finding(
                "error", topics.main, f"no {name} belongs to this depth image",
                f"ros2 topic list -t   # start the driver with it, or remap it to {_OURS[name]}",
            )  # fmt: skip
    if missing:
        return
    streams = evidence.streams
    depth, color = streams[topics.main], streams[topics.color]
    if not len(depth) or not len(color):
        return  # told already
    yield from _check_pairs(evidence, depth, color)
    info, color_info = streams[topics.info], streams[topics.color_info]
    if len(info) and len(color_info):
        yield from _check_images(evidence, topics)
        yield from _tell_distortion(topics, color_info)


_OURS = {"colour image": "NAME/color", "camera_info": "NAME/camera_info"}


def _check_pairs(evidence: Evidence, depth: Stream, color: Stream) -> Findings:
    """Depth images that find a colour image within input.sync_slop."""
    slop = float(evidence.node.parameters.get("input.sync_slop", 0.02)) if evidence.node else 0.02
    gaps = nearest_gaps_s(depth.stamps, color.stamps)
    paired = float((gaps <= slop + 1e-6).mean())
    if paired >= MIN_PAIRED:
        return
    gap = float(np.percentile(gaps, 90))
    text = (
        f"{paired:.0%} of the depth images have a colour image within {1e3 * slop:.0f} ms; "
        f"nine in ten have one within {1e3 * gap:,.0f} ms"
    )
    if gap <= MAX_SLOP_S:
        remedy = parameter(evidence, "input.sync_slop", math.ceil(120 * gap) / 100)
    else:
        remedy = "ros2 launch realsense2_camera rs_launch.py enable_sync:=true"
        remedy += "   # or the like: the two come from different clocks"
    yield Finding("error" if paired < 0.1 else "warning", depth.topic, text, remedy)


def _check_images(evidence: Evidence, topics: CameraTopics) -> Findings:
    """Decode one pair as the node does, and look at its depth."""
    streams = evidence.streams
    messages = RgbdMessages(
        streams[topics.color].last,
        streams[topics.main].last,
        color_info=streams[topics.color_info].last,
        depth_info=streams[topics.info].last,
        color_rectified=is_rectified(topics.color),
        depth_rectified=is_rectified(topics.main),
    ).with_own_calibrations()
    color_from_depth = None
    if not messages.are_registered:
        color_from_depth = _between(evidence, *messages.frames)
        yield _registration(messages, color_from_depth)
        if color_from_depth is None:
            return
    try:
        image = RgbdReader().read(messages, color_from_depth)
    except ValueError as error:
        yield Finding("error", topics.main, str(error), _image_remedy(topics, str(error)))
        return
    yield from check_depth(topics.main, image)


def _between(evidence: Evidence, color_frame: str, depth_frame: str) -> Float64 | None:
    try:
        return evidence.transforms.lookup(color_frame, depth_frame, None)
    except TransformError:
        return None


def _registration(messages: RgbdMessages, color_from_depth: Float64 | None) -> Finding:
    color_frame, depth_frame = messages.frames
    subject = f"{color_frame} / {depth_frame}"
    if color_from_depth is None:
        return Finding("error", subject, unregistered_text(color_frame, depth_frame), _ALIGN)
    if messages.color_info is None or messages.depth_info is None:
        return Finding(
            "warning", subject,
            "colour and depth are of two frames, and only one camera_info is there",
            f"-r NAME/depth/camera_info:=TOPIC   # else: {_ALIGN}",
        )  # fmt: skip
    return Finding(
        "note", subject, "depth is not registered to colour; the node registers it (1 to 3 ms)"
    )


def _image_remedy(topics: CameraTopics, why: str) -> str:
    if "no calibration" in why:
        return (
            "ros2 run camera_calibration cameracalibrator --size 8x6 --square 0.025 --ros-args "
            f"-r image:={topics.color}   # then give its file to the driver"
        )
    return f"ros2 topic echo --once --no-arr {topics.main}   # and the same of {topics.info}"


def check_depth(topic: str, image: DepthImage) -> Findings:
    """Unit and share of valid pixels of a depth image."""
    metres = image.depth.astype(np.float64) * image.depth_unit
    valid = metres[np.isfinite(metres) & (metres > 0)]
    if not len(valid):
        yield Finding(
            "error", topic, "no pixel of the newest depth image holds a distance",
            "uncover the camera; check its range, exposure and laser emitter",
        )  # fmt: skip
        return
    median = float(np.median(valid))
    if _SMALLEST_MEDIAN_M <= median <= _LARGEST_MEDIAN_M:
        share = len(valid) / metres.size
        yield Finding(
            "note", topic, f"half of the depths lie below {median:.2f} m; {share:.0%} are valid"
        )
        return
    yield _wrong_unit(topic, image, median)


def _wrong_unit(topic: str, image: DepthImage, median: float) -> Finding:
    raw, is_float = median / image.depth_unit, image.depth.dtype.kind == "f"
    read = "32FC1, which is metres" if is_float else "16UC1, which is millimetres"
    guess = f"half of its values lie below {raw:,.4g}, and it is {read}"
    if is_float and _SMALLEST_MEDIAN_M <= median / _MILLIMETRES <= _LARGEST_MEDIAN_M:
        return Finding(
            "error", topic, f"{guess}: these look like millimetres",
            "publish it as 16UC1 (np.uint16 of the same values); ZED: depth.openni_depth_mode",
        )  # fmt: skip
    if not is_float and _SMALLEST_MEDIAN_M <= raw <= _LARGEST_MEDIAN_M:
        return Finding(
            "error", topic, f"{guess}: these look like metres, rounded",
            "publish it as 32FC1 with np.float32 metres",
        )  # fmt: skip
    return Finding(
        "warning", topic, f"{guess}: a room is not {median:.3g} m away",
        "ros2 topic echo --once --no-arr " + topic + "   # then scale it to the unit of its type",
    )  # fmt: skip


def _tell_distortion(topics: CameraTopics, info: Stream) -> Findings:
    message: Any = info.last
    values = message.d if hasattr(message, "d") else message.D
    count = int(np.count_nonzero(values))
    if not count:
        return
    text = (
        f"the lens is distorted ({message.distortion_model or 'plumb_bob'}, {count} coefficients)"
    )
    if is_rectified(topics.color):
        yield Finding("note", info.topic, f"{text}; {topics.color} is rectified already")
    else:
        yield Finding("note", info.topic, f"{text}; the node heeds that")
