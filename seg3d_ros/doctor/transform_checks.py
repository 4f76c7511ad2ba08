"""Checks of the transforms from the sensors to the frame of the map."""

from __future__ import annotations

import math

import numpy as np

from seg3d_ros.doctor.evidence import STATIC, Evidence, Stream, nearest_gaps_s
from seg3d_ros.doctor.finding import Finding, Findings
from seg3d_ros.doctor.quality import Quality, mismatch
from seg3d_ros.doctor.remedies import LAUNCH, parameter, static_transform
from seg3d_ros.sensing.transform_buffer import TransformError

MIN_PLACED = 0.9
MAX_GAP_S = 0.25  # between two samples of a moving frame; what lies between is interpolated
_LONG_S = 1e3
_SETTLED_S = 1.0  # the newest frames may still wait for their transforms


def check_tree(evidence: Evidence) -> Findings:
    """The tree of frames as such."""
    for fault in evidence.transforms.faults:
        yield Finding("error", "/tf", fault, "ros2 topic info -v /tf   # find its sender")
    for child, link in evidence.transforms.links.items():
        if len(link.parents) > 1:
            yield Finding(
                "error", child,
                f"it hangs on {' and on '.join(link.parents)} in turn, so poses jump between two "
                "trees",
                "ros2 topic info -v /tf   # stop one of the senders",
            )  # fmt: skip
        if link.static and link.moving:
            yield Finding(
                "warning", child, "it comes on /tf and on /tf_static; the last one wins",
                "ros2 topic info -v /tf_static   # stop one of the senders",
            )  # fmt: skip
    for topic in ("/tf", STATIC):
        if topic in evidence.streams:
            yield from _check_senders(evidence.streams[topic])


def _check_senders(stream: Stream) -> Findings:
    """Senders of transforms that listeners as tf2 makes them cannot hear."""
    for sender in stream.publishers:
        policy = mismatch(sender.quality, Quality(reliable=True, latched=stream.topic == STATIC))
        if policy:
            if policy == "durability":
                why = "nodes that start later never get it"
                remedy = (
                    f"use tf2_ros.StaticTransformBroadcaster in {sender.node}; for a bag: ros2 "
                    "bag play --qos-profile-overrides-path FILE, durability: transient_local"
                )
            else:
                why = "its transforms are lost"
                remedy = f"-p qos_overrides.{stream.topic}.publisher.{policy}:=reliable"
                remedy += f"   # for {sender.node}"
            text = f"{sender.node} offers {sender.quality}, so {why}"
            yield Finding("error", stream.topic, text, remedy)


def check_pose(evidence: Evidence, stream: Stream) -> Findings:
    """Whether each message of a sensor finds its pose in the map."""
    if not len(stream) or not stream.frames or "" in stream.frames:
        return
    sensor, fixed = stream.frames[-1], evidence.fixed_frame
    record = evidence.transforms
    try:
        record.lookup(fixed, sensor, None)
    except TransformError as error:
        yield _unconnected(evidence, sensor, str(error))
        return
    yield from _check_waits(evidence, stream, sensor)
    for child in record.moving_between(fixed, sensor):
        yield from _check_rate(evidence, stream, child)


def _check_rate(evidence: Evidence, stream: Stream, child: str) -> Findings:
    """Moving transforms that come so seldom that the motion between them is guessed."""
    known = np.unique([stamp for stamp, _ in evidence.transforms.links[child].samples])
    if len(known) < 2:
        return
    gap = float(np.median(np.diff(known)) * 1e-9)
    away = float(np.median(nearest_gaps_s(stream.stamps, known)))
    if gap > MAX_GAP_S and away > MAX_GAP_S / 4:  # else they are sent for the very stamps
        yield Finding(
            "warning", child,
            f"its transform comes every {gap:.2f} s, {away:.2f} s away from the stamps of "
            f"{stream.topic}: motion between is guessed",
            "raise the rate of its sender, for example publish_frequency:=30.0",
        )  # fmt: skip


def _unconnected(evidence: Evidence, sensor: str, why: str) -> Finding:
    record, fixed = evidence.transforms, evidence.fixed_frame
    root, usual = record.ancestors(sensor)[-1], record.usual_fixed_frame(sensor)
    text = f"no transform leads from {fixed} to {sensor} ({why})"
    if not record.links and not evidence.is_live:
        remedy = f"seg3d replay BAG --fixed-frame {sensor}   # if it stood still; else record /tf"
        return Finding("error", sensor, "the bag holds no transforms", f"{remedy} and /tf_static")
    if fixed not in record.frames and usual not in (fixed, sensor):
        remedy = f"{LAUNCH} fixed_frame:={usual}   # or publish {fixed}"
    elif root == sensor and record.links:
        bodies = [name for name in ("base_link", "base_footprint") if name in record.frames]
        parent = next(iter([*bodies, *record.links]))
        remedy = static_transform(parent, sensor) + "   # with the place of the sensor"
    else:
        remedy = static_transform(fixed, root) + "   # or start the localisation that publishes it"
    return Finding("error", sensor, text, remedy)


def _check_waits(evidence: Evidence, stream: Stream, sensor: str) -> Findings:
    """Transforms that come late, or not at all for the times of the messages."""
    record = evidence.transforms
    moving = record.moving_between(evidence.fixed_frame, sensor)
    arrivals = np.array(stream.arrivals_ns, np.int64)
    settled = arrivals <= arrivals[-1] - _SETTLED_S * 1e9
    if not moving or not settled.any():
        return
    stamps, arrivals = np.array(stream.stamps_ns, np.int64)[settled], arrivals[settled]
    waits = {child: record.waits_s(child, stamps, arrivals) for child in moving}
    slowest = max(waits, key=lambda child: float(np.minimum(waits[child], _LONG_S).mean()))
    wait = waits[slowest]
    samples = [stamp for stamp, _ in record.links[slowest].samples]
    if max(np.isinf(wait).mean(), (stamps < min(samples)).mean()) > 1 - MIN_PLACED:
        yield _other_clock(
            stream, slowest, float(np.median(stream.stamps_ns) - np.median(samples)) * 1e-9
        )
        return
    timeout = (
        float(evidence.node.parameters.get("input.tf_timeout", 0.5)) if evidence.node else 0.5
    )
    late = float((wait > timeout).mean())
    if late > 1 - MIN_PLACED:
        typical = float(np.percentile(wait[np.isfinite(wait)], 90))
        yield Finding(
            "warning", slowest,
            f"its transforms come up to {typical:.2f} s after {stream.topic}; {late:.0%} of the "
            f"frames wait longer than input.tf_timeout ({timeout:g} s) and are dropped",
            parameter(evidence, "input.tf_timeout", math.ceil(12 * typical) / 10, live=True),
        )  # fmt: skip


def _other_clock(stream: Stream, child: str, behind_s: float) -> Finding:
    place = "behind" if behind_s > 0 else "ahead of"
    return Finding(
        "error", child,
        f"its transforms lie {abs(behind_s):,.1f} s {place} the stamps of {stream.topic}: the "
        "clocks of the two senders differ, or one has stopped",
        "ros2 param set SENDER use_sim_time true   # where /clock runs; between computers: "
        "sudo chronyc makestep",
    )  # fmt: skip
