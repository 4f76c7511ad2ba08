"""Checks of single streams: silence, losses, stamps, frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seg3d_ros.doctor.evidence import Evidence, Stream
from seg3d_ros.doctor.finding import Finding, Findings
from seg3d_ros.doctor.middleware_checks import FAST_DDS, profile_line
from seg3d_ros.doctor.quality import mismatch, overriding_value
from seg3d_ros.doctor.remedies import RUN
from seg3d_ros.scene import Int64

MAX_LOSS = 0.1
MAX_AGE_S = 0.5  # a frame this old when it comes is no picture of now
MAX_AHEAD_S = 0.05  # two clocks that NTP keeps differ by less
_WITHOUT_TYPE = ("compressed", "compressedDepth", "theora", "zstd", "ffmpeg")


def check_stream(evidence: Evidence, stream: Stream, *, is_stamped: bool = True) -> Findings:
    """All checks of one topic that an input reads."""
    if not len(stream):
        yield from _check_silence(evidence, stream)
        return
    yield from check_quality(evidence, stream)
    if is_stamped:
        yield from _check_stamps(evidence, stream)
        yield from _check_frames(stream)
        yield from _check_losses(evidence, stream)


def check_quality(evidence: Evidence, stream: Stream) -> Findings:
    """Pairs of a publisher and a subscription that cannot talk to each other."""
    node = evidence.node.name if evidence.node else ""
    for listener in stream.subscribers:
        for sender in stream.publishers:
            if listener.kind != sender.kind:
                continue
            policy = mismatch(sender.quality, listener.quality)
            if not policy:
                continue
            text = (
                f"{sender.node} offers {sender.quality}, {listener.node} asks for "
                f"{listener.quality}: they do not match in {policy}, and nothing passes"
            )
            name = f"qos_overrides.{stream.topic}.subscription.{policy}"
            value = overriding_value(policy)
            if listener.node == node:
                yield Finding("error", stream.topic, text, f"{RUN} -p {name}:={value}")
            else:
                yield Finding(
                    "warning", stream.topic, text,
                    f"-p {name}:={value} for {listener.node}; in RViz: Topic > "
                    f"{policy.capitalize()} Policy of the display",
                )  # fmt: skip


def _check_silence(evidence: Evidence, stream: Stream) -> Findings:
    if evidence.is_live and not stream.publishers:
        near = _similar(stream, evidence.types.items())
        remedy = f"{RUN} -r {stream.topic}:={near}" if near else "ros2 topic list -t"
        yield Finding("error", stream.topic, "nobody publishes it", remedy)
        return
    kinds = sorted({sender.kind for sender in stream.publishers} - {stream.kind})
    if kinds and all(sender.kind != stream.kind for sender in stream.publishers):
        yield Finding(
            "error", stream.topic,
            f"it is published as {', '.join(kinds)} and read as {stream.kind}",
            _other_type_remedy(evidence, stream),
        )  # fmt: skip
        return
    yield from check_quality(evidence, stream)
    yield Finding(
        "error", stream.topic,
        f"no message came within {evidence.duration_s:.0f} s: its publisher is silent, or its "
        "messages do not pass the middleware",
        _transport_remedy(evidence),
    )  # fmt: skip


def _transport_remedy(evidence: Evidence) -> str:
    """Line for messages that get lost on their way; empty for a bag."""
    if evidence.machine is None:
        return ""
    if FAST_DDS in evidence.machine.middleware:
        return profile_line(evidence.machine.environment) + "   # for the driver as well"
    return "sudo sysctl -w net.core.rmem_max=67108864"


def _similar(stream: Stream, types: Iterable[tuple[str, str]]) -> str:
    """Published topic of the same type whose name has most in common, or ""."""
    words = set(stream.topic.replace("_", "/").split("/"))
    others = [topic for topic, kind in types if kind == stream.kind and topic != stream.topic]
    return max(
        sorted(others),
        key=lambda topic: len(words & set(topic.replace("_", "/").split("/"))),
        default="",
    )


def _other_type_remedy(evidence: Evidence, stream: Stream) -> str:
    near = _similar(stream, evidence.types.items())
    if near:
        return f"{RUN} -r {stream.topic}:={near}"
    return "ros2 run image_transport republish compressed raw --ros-args -r in/compressed:=TOPIC"


def _check_stamps(evidence: Evidence, stream: Stream) -> Findings:
    stamps = np.array(stream.stamps_ns, np.int64)
    if not stamps.all():
        yield Finding(
            "error", stream.topic,
            f"{(stamps == 0).sum()} of {len(stamps)} stamps are zero, so no transform belongs to "
            "them",
            "set header.stamp = node.get_clock().now().to_msg() in the driver",
        )  # fmt: skip
        return
    if (back := int((np.diff(stamps) < 0).sum())) > 0:
        yield Finding(
            "warning", stream.topic,
            f"stamps went back {back} times: two drivers publish it, or a bag loops",
            f"ros2 topic info -v {stream.topic}",
        )  # fmt: skip
    if (same := int((np.diff(stamps) == 0).sum())) > 0:
        yield Finding(
            "warning", stream.topic,
            f"{same} of {len(stamps)} messages have the stamp of the one before",
            f"ros2 topic info -v {stream.topic}   # two publishers of the same images?",
        )  # fmt: skip
    yield from _check_age(evidence, stream)


def _check_age(evidence: Evidence, stream: Stream) -> Findings:
    """Stamps against the clock: the computer's, or /clock where that runs."""
    ages = evidence.arrivals_s(stream) - np.array(stream.stamps_ns, np.float64) * 1e-9
    age = float(np.median(ages))
    if age > MAX_AGE_S:
        text = f"its messages are {_seconds(age)} old when they come"
        if len(evidence.clock_s) < 2 and evidence.is_live and age > 3600:
            remedy = "ros2 bag play --clock BAG   # and use_sim_time:=true for the node"
        else:
            remedy = "sudo chronyc makestep   # on both computers; or lower the driver's rate"
        yield Finding("warning", stream.topic, text, remedy)
    elif age < -MAX_AHEAD_S:
        yield Finding(
            "warning", stream.topic,
            f"its stamps are {_seconds(-age)} in the future: the clocks of two computers differ",
            "sudo chronyc makestep   # on both computers",
        )  # fmt: skip


def _seconds(value: float) -> str:
    if value > 2 * 86400:
        return f"{value / 86400:,.0f} days"
    return f"{value:.2f} s" if value < 100 else f"{value:,.0f} s"


def _check_frames(stream: Stream) -> Findings:
    if "" in stream.frames:
        yield Finding(
            "error", stream.topic,
            "its frame_id is empty, so nobody knows where the sensor is",
            "set the driver's parameter frame_id, for example camera_color_optical_frame",
        )  # fmt: skip
    elif len(stream.frames) > 1:
        yield Finding(
            "warning", stream.topic,
            f"its messages come from {len(stream.frames)} frames ({', '.join(stream.frames[:4])})",
            f"ros2 topic info -v {stream.topic}   # several publishers: give each its own topic",
        )  # fmt: skip


def _check_losses(evidence: Evidence, stream: Stream) -> Findings:
    lost = lost_share(stream.stamps)
    if lost > MAX_LOSS:
        remedy = _transport_remedy(evidence) or "lower the rate or resolution of the driver"
        yield Finding(
            "warning", stream.topic,
            f"{lost:.0%} of its messages are missing between the stamps of those that came",
            remedy,
        )  # fmt: skip


def lost_share(stamps: Int64) -> float:
    """Part of the messages that is missing in (N,) sorted stamps of a steady source."""
    gaps = np.diff(stamps)
    if len(gaps) < 5:
        return 0.0
    period = float(np.percentile(gaps, 20))
    expected = np.maximum(np.rint(gaps / period), 1).sum()
    return float(1 - len(gaps) / expected)
