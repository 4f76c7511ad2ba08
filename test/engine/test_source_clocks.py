"""Time went back when the stamps of every live source say so."""

from __future__ import annotations

from typing import Any

import pytest

from seg3d_ros.engine.pending_frame import PendingFrame
from seg3d_ros.engine.source_clocks import SourceClocks

pytestmark = pytest.mark.ros
SECOND = 10**9


def read() -> Any:
    raise AssertionError("nobody decodes these")


def world_jumps(arrivals: list[tuple[str, float, float]]) -> list[float]:
    """Times at which all clocks went back, of (source, seconds of stamp, of arrival) triples."""
    clocks = SourceClocks()
    jumps = []
    for source, stamp, received in sorted(arrivals, key=lambda arrival: arrival[2]):
        arrival = PendingFrame(source, "camera", round(stamp * SECOND), read, received_s=received)
        if clocks.follow(arrival).time_went_back:
            jumps.append(received)
    return jumps


def stream(source: str, *, start: float, end: float, period: float, offset: float) -> list[Any]:
    """PendingFrames between two times, stamped with the time plus an offset."""
    count = round((end - start) / period)
    times = [start + number * period for number in range(count)]
    return [(source, time + offset, time) for time in times]


def test_one_stamp_an_hour_off_is_no_jump() -> None:
    steady = stream("a", start=0, end=10, period=0.1, offset=100)
    assert world_jumps([*steady, ("a", 3700, 5.05)]) == []
    assert world_jumps([*steady, ("a", -3500, 5.05)]) == []


@pytest.mark.parametrize("period", [0.1, 1.0])
def test_a_clock_that_jumps_takes_nothing_from_the_others(period: float) -> None:
    steady = stream("a", start=0, end=20, period=0.1, offset=200)
    before = stream("b", start=0.05, end=10, period=period, offset=200)
    after = stream("b", start=10.05, end=20, period=period, offset=0)
    assert world_jumps([*steady, *before, *after]) == []
    slow = stream("a", start=0, end=20, period=1.0, offset=200)
    assert world_jumps([*slow, *before, *after]) == []


@pytest.mark.parametrize("periods", [(0.1, 0.1), (0.1, 0.9), (0.9, 0.1)])
def test_a_recording_that_starts_again_sets_time_back_once(periods: tuple[float, float]) -> None:
    arrivals: list[Any] = []
    for source, period in zip("ab", periods, strict=True):
        arrivals += stream(source, start=0, end=30, period=period, offset=0)
        arrivals += stream(source, start=30.05, end=60, period=period, offset=-30)
    assert len(world_jumps(arrivals)) == 1


def test_a_source_that_has_gone_has_no_say() -> None:
    gone = stream("b", start=0, end=5, period=0.1, offset=0)
    first = stream("a", start=0, end=30, period=0.1, offset=0)
    again = stream("a", start=30, end=40, period=0.1, offset=-30)
    assert len(world_jumps([*gone, *first, *again])) == 1
