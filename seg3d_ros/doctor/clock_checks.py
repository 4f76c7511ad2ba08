"""Checks of the clocks: /clock and use_sim_time."""

from __future__ import annotations

import numpy as np

from seg3d_ros.doctor.evidence import CLOCK, Evidence, Stream
from seg3d_ros.doctor.finding import Finding, Findings
from seg3d_ros.doctor.remedies import LAUNCH, parameter

_MIN_CLOCK_HZ = 5.0


def check_clock(evidence: Evidence) -> Findings:
    """Whether our node and /clock agree about the time; nothing for a bag."""
    if not evidence.is_live:
        return
    clock = evidence.streams.get(CLOCK) or Stream(CLOCK, "")
    uses = bool(evidence.node and evidence.node.parameters.get("use_sim_time"))
    if uses and not len(clock):
        yield Finding(
            "error", CLOCK,
            "the node uses simulated time, but nothing comes on /clock, so its time stands still",
            parameter(evidence, "use_sim_time", "false", live=True)
            + "   # or: ros2 bag play --clock BAG",
        )  # fmt: skip
    if not len(clock):
        return
    if evidence.node and not uses:
        yield Finding(
            "error", CLOCK, "/clock runs, but the node uses the computer's time",
            f"{LAUNCH} use_sim_time:=true",
        )  # fmt: skip
    if len(clock.publishers) > 1:
        names = ", ".join(sender.node for sender in clock.publishers)
        yield Finding(
            "error", CLOCK, f"several publish it, so time jumps: {names}",
            "ros2 topic info -v /clock   # stop all but one",
        )  # fmt: skip
    if (np.diff(clock.stamps_ns) < 0).any():
        yield Finding(
            "warning", CLOCK, "time went back: a bag that loops, or two clocks",
            parameter(evidence, "node.clear_on_time_jump", "true", live=True),
        )  # fmt: skip
    if len(clock) > 1 and clock.rate_hz < _MIN_CLOCK_HZ:
        yield Finding(
            "warning", CLOCK, f"it comes {clock.rate_hz:.1f} times a second; timers follow it",
            "ros2 bag play --clock 100 BAG",
        )  # fmt: skip
