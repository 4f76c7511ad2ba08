"""Every arrival has one fate, however slow the integration is."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.harness import wait_until

from seg3d_ros.engine.perception import Perception, PerceptionSettings
from seg3d_ros.node.integrator import PENDING, Integrator
from seg3d_ros.node.pending import Arrival, Measurement, SourceRecord
from seg3d_ros.sensing.transform_buffer import TransformBuffer

pytestmark = pytest.mark.ros
OFFERED = 3 * PENDING


class Transforms(TransformBuffer):
    def close(self) -> None:
        """The protocol of a transform source asks for it."""


class Misplaced(Transforms):
    def lookup(self, target, source, stamp_ns):
        raise ValueError("no matrix")


@pytest.fixture
def transforms():
    return Transforms()


@pytest.fixture
def integrator(transforms):
    transforms.set_transform("map", "camera", 0, np.eye(4), static=True)
    made = Integrator(
        Perception(PerceptionSettings(model="geometric")),
        transforms,
        fixed_frame="map",
        tf_timeout=0.1,
        on_time_jump=lambda: None,
    )
    yield made
    made.stop()


@pytest.mark.parametrize("frame", ["camera", "nowhere"])
def test_overruns_and_the_frame_in_work_are_counted_once(integrator, frame) -> None:
    record, go = SourceRecord(), threading.Event()
    points = np.full((4, 3), 1.0, np.float32)

    def read(_: object) -> Measurement:
        go.wait(10)
        return Measurement(points, np.zeros((4, 3), np.uint8), None)

    integrator.start({"camera": record})
    for number in range(OFFERED):
        integrator.offer(Arrival("camera", frame, 1_000_000 * (number + 1), read))
    go.set()

    def fates() -> int:
        return record.integrated + sum(record.dropped.values())

    wait_until(lambda: fates() >= OFFERED, "a fate for each arrival")
    integrator.stop()
    assert fates() == OFFERED
    assert record.dropped["overrun"] >= OFFERED - PENDING - 1
    assert (record.integrated > 0) == (frame == "camera")


@pytest.mark.parametrize("transforms", [Misplaced()])
def test_a_lookup_that_fails_costs_the_frame_once(integrator) -> None:
    record = SourceRecord()
    integrator.start({"camera": record})
    for number in range(3):
        integrator.offer(Arrival("camera", "camera", number + 1, Measurement))
    wait_until(lambda: sum(record.dropped.values()) >= 3, "a fate for each arrival")
    integrator.stop()
    assert record.dropped == {"malformed": 3}
