"""Every frame has one fate, however slow the integration and however late its transform."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.waiting import wait_until

from seg3d_ros.engine import inbox
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.inbox import BACKLOG
from seg3d_ros.engine.integrator import Integrator
from seg3d_ros.engine.pending_frame import Measurement, PendingFrame
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.errors import InputError
from seg3d_ros.sensing.transform_buffer import TransformBuffer

OFFERED = 3 * BACKLOG
PERIOD_NS = 1_000_000_000 // 30


class Misplaced(TransformBuffer):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def lookup(self, target, source, stamp_ns):
        raise self.error


@pytest.fixture
def transforms():
    return TransformBuffer()


@pytest.fixture
def stats():
    return SourceStats()


@pytest.fixture
def start(transforms, stats):
    """Start an integrator of "camera" and others; it is stopped at the end."""
    made = []

    def start(*, tf_timeout: float = 30.0, **others: SourceStats) -> Integrator:
        engine = Engine(PerceptionSettings.of({"segmentation.model": "geometric"}))
        made.append(
            Integrator(
                engine,
                transforms,
                fixed_frame="map",
                tf_timeout=tf_timeout,
                on_time_jump=lambda: None,
            )
        )
        made[-1].start({"camera": stats, **others})
        return made[-1]

    yield start
    for integrator in made:
        integrator.stop()


def measurement(_: object = None) -> Measurement:
    return Measurement(np.full((4, 3), 1.0, np.float32), np.zeros((4, 3), np.uint8), None)


def frame(
    number: int,
    read=measurement,
    *,
    frame_id: str = "camera",
    size: int = 0,
    source: str = "camera",
):
    return PendingFrame(source, frame_id, number * PERIOD_NS, read, size)


def fates(stats: SourceStats) -> int:
    return stats.integrated + sum(stats.dropped.values())


def place(transforms: TransformBuffer, number: int) -> None:
    transforms.set_transform("map", "camera", number * PERIOD_NS, np.eye(4))


def test_overruns_and_the_frame_in_work_are_counted_once(start, transforms, stats) -> None:
    transforms.set_transform("map", "camera", 0, np.eye(4), static=True)
    go = threading.Event()

    def read(_: object) -> Measurement:
        go.wait(10)
        return measurement()

    integrator = start()
    for number in range(1, OFFERED + 1):
        integrator.offer(frame(number, read))
    go.set()
    wait_until(lambda: fates(stats) >= OFFERED, "a fate for each frame")
    integrator.stop()
    assert fates(stats) == OFFERED
    assert stats.dropped["overrun"] >= OFFERED - BACKLOG - 1
    assert stats.integrated > 0


def test_two_sources_take_turns_when_the_integration_is_too_slow_for_both(
    start, transforms, stats
) -> None:
    """While a frame of one is integrated, the other's queue overruns."""
    transforms.set_transform("map", "camera", 0, np.eye(4), static=True)
    other, taken = SourceStats(), []
    integrator = start(other=other)

    def read(source: str) -> Measurement:
        taken.append(source)
        if len(taken) < 5:
            first = len(taken) * (BACKLOG + 1)
            for number in range(first, first + BACKLOG + 1):
                integrator.offer(frame(number, lambda _: read("camera")))
                integrator.offer(frame(number, lambda _: read("other"), source="other"))
        return measurement()

    integrator.offer(frame(1, lambda _: read("camera")))
    wait_until(lambda: len(taken) >= 7, "seven frames")
    assert taken[1:7] == ["camera", "other"] * 3


def test_frames_wait_for_transforms_that_come_late(start, transforms, stats) -> None:
    """At 30 Hz with transforms 0.3 s late nine frames wait at any time, and none is lost."""
    late, frames = 9, 60
    place(transforms, 0)
    integrator = start()
    for number in range(1, frames + 1):
        integrator.offer(frame(number))
        if number > late:
            place(transforms, number - late)
            wait_until(lambda n=number: stats.integrated >= n - late, "the frame that is placed")
    place(transforms, frames)
    wait_until(lambda: stats.integrated == frames, "all frames")
    assert stats.dropped == {}


def test_frames_whose_transform_never_comes_are_counted_as_such(start, transforms, stats) -> None:
    integrator = start(tf_timeout=0.1)
    for number in range(1, OFFERED + 1):
        integrator.offer(frame(number, frame_id="nowhere"))
    wait_until(lambda: fates(stats) >= OFFERED, "a fate for each frame")
    assert stats.dropped == {"no transform": OFFERED}


def test_frames_that_wait_are_bounded_by_their_bytes(start, stats) -> None:
    integrator = start()
    size = inbox.MAX_BYTES // 4
    for number in range(1, 8):
        integrator.offer(frame(number, frame_id="nowhere", size=size))
    assert stats.dropped == {"no transform": 3}
    assert "more frames wait" in stats.last_drop


def test_an_outage_of_transforms_is_told_until_it_ends(start, transforms, stats) -> None:
    integrator = start(tf_timeout=0.05)
    place(transforms, 1)
    integrator.offer(frame(1))
    wait_until(lambda: stats.integrated == 1, "the first frame")
    for number in (2, 3):
        integrator.offer(frame(number))
        wait_until(lambda n=number: fates(stats) == n, "its fate")
        assert stats.waiting.startswith("transform map → camera for")
    place(transforms, 4)
    integrator.offer(frame(4))
    wait_until(lambda: stats.integrated == 2, "the frame after the outage")
    assert stats.waiting == ""


@pytest.mark.parametrize(
    ("transforms", "reason"),
    [
        (Misplaced(InputError("no matrix")), "malformed"),
        (Misplaced(ValueError("a fault of the program")), "internal error"),
    ],
)
def test_a_lookup_that_fails_costs_the_frame_once(start, stats, reason) -> None:
    integrator = start()
    for number in range(3):
        integrator.offer(frame(number + 1))
    wait_until(lambda: fates(stats) >= 3, "a fate for each frame")
    integrator.stop()
    assert stats.dropped == {reason: 3}


def test_a_header_without_a_frame_is_named_as_the_reason(start, stats) -> None:
    start().offer(frame(1, frame_id=""))
    wait_until(lambda: fates(stats) == 1, "its fate")
    assert stats.dropped == {"malformed": 1} and "no frame_id" in stats.last_drop
    assert stats.waiting == ""


def test_a_frame_that_takes_long_is_not_waited_for_at_the_end(start, transforms, stats) -> None:
    begun, go = threading.Event(), threading.Event()

    def read(_: object) -> Measurement:
        begun.set()
        go.wait()
        raise InputError("it ends after all")

    integrator = start()
    for number in (1, 2):
        place(transforms, number)
        integrator.offer(frame(number, read=read))
    begun.wait()
    integrator.stop()
    go.set()
    wait_until(lambda: fates(stats), "the fate of the frame in work")
    integrator.stop()
    assert stats.dropped == {"malformed": 1}, "the other one is dropped without work"
