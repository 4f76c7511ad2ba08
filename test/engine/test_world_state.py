"""World states have one order, and listeners keep to it."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
from support import toy_room
from support.waiting import wait_until

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.subscription import Subscription
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Frame, Instances
from seg3d_ros.sensing.depth_image import deproject


def room_frame(pose: np.ndarray, stamp_ns: int, *, seen: bool = True) -> Frame:
    depth, color = toy_room.cast(pose)
    points = deproject(depth, toy_room.CAMERA, depth_unit=1.0)
    if not seen:
        points = np.full_like(points, np.nan)
    grid = (toy_room.CAMERA.height, toy_room.CAMERA.width)
    return Frame(points, color.reshape(-1, 3), stamp_ns, pose, grid=grid, camera=toy_room.CAMERA)


@pytest.fixture
def engine():
    made = Engine(
        PerceptionSettings.of({"segmentation.model": "geometric", "prompt.model": "geometric"})
    )
    for number, pose in enumerate(toy_room.views(3), 1):
        made.integrate(room_frame(pose, number * 10**9))
    yield made
    made.close()


class Gated:
    """Segmenter that begins when the test has seen it and ends when the test lets it."""

    name, embedding_space, device = "gated", None, "cpu"

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def segment(self, scene):
        self.begun.set()
        assert self.go.wait(30)
        return Instances(Masks.of(np.ones((1, len(scene)), bool)), np.ones(1, np.float32))


def test_every_change_makes_the_next_version(engine) -> None:
    assert engine.state.version == 0 and engine.state.scene is None
    changes = [
        engine.segment,
        lambda: engine.set_vocabulary(["chair"]),
        engine.clear,
    ]
    for number, change in enumerate(changes, 1):
        change()
        assert engine.state.version == number
    assert engine.state.epoch == 1
    assert engine.state.vocabulary_version == 1
    assert len(engine.state.scene) == 0 and engine.state.objects == ()
    assert engine.state.stamp_ns == 3 * 10**9  # that of what was forgotten


def test_a_state_does_not_change_after_it_was_handed_out(engine) -> None:
    engine.segment()
    before = engine.settle()
    ids = [found.id for found in before.objects]
    engine.clear()
    assert [found.id for found in before.objects] == ids and ids


def test_what_was_segmented_before_a_clear_is_never_delivered_after_it(engine) -> None:
    gated, delivered = Gated(), []
    engine.models.segmenter = gated
    engine.subscribe(delivered.append)
    engine.background.request()
    assert gated.begun.wait(30)
    engine.clear()
    gated.go.set()
    wait_until(lambda: not engine.background.is_under_way, "the end of the segmentation")
    wait_until(lambda: delivered[-1].version == engine.state.version, "the newest state")
    assert len(delivered[-1].scene) == 0


def test_a_segmentation_that_a_load_overtakes_starts_again(engine, tmp_path) -> None:
    engine.save(tmp_path / "room.seg3d")
    gated = Gated()
    engine.models.segmenter = gated
    results = []
    thread = threading.Thread(target=lambda: results.append(engine.segment()))
    thread.start()
    assert gated.begun.wait(30)
    engine.load(tmp_path / "room.seg3d")
    gated.go.set()
    thread.join(30)
    assert results[0].epoch == engine.state.epoch == 1


def test_slow_listeners_skip_states_and_never_go_back() -> None:
    go, delivered = threading.Event(), []

    def listen(state: WorldState) -> None:
        go.wait(30)
        delivered.append(state.version)

    subscription = Subscription(listen, WorldState())
    states = [replace(WorldState(), version=version) for version in (1, 5, 3, 4)]
    for state in states:
        subscription.offer(state)
    go.set()
    wait_until(lambda: delivered and delivered[-1] == 5, "the newest")
    subscription.offer(states[0])
    subscription.offer(states[1])  # the same again, for a viewer that came late
    wait_until(lambda: delivered.count(5) == 2, "the newest again")
    subscription.close()
    assert all(a <= b for a, b in itertools.pairwise(delivered))


def test_a_listener_that_fails_gets_the_next_state(caplog) -> None:
    delivered = []

    def listen(state: WorldState) -> None:
        delivered.append(state.version)
        if state.version == 0:
            raise RuntimeError("not ready")

    subscription = Subscription(listen, WorldState())
    wait_until(lambda: delivered == [0], "the first")
    subscription.offer(replace(WorldState(), version=1))
    wait_until(lambda: delivered == [0, 1], "the second")
    subscription.close()
    assert "not ready" in caplog.text


def test_a_frame_without_a_point_is_no_reason_to_segment(engine) -> None:
    engine.segment()
    assert not engine.is_due()
    pose = toy_room.views(1)[0]
    engine.integrate(room_frame(pose, 9 * 10**9, seen=False))
    assert not engine.is_due()
    engine.integrate(room_frame(pose, 10 * 10**9))
    assert engine.is_due() and engine.is_due(period_s=7.0) and not engine.is_due(period_s=8.0)


def test_a_click_before_any_segmentation_leaves_the_whole_map_in_the_state(engine) -> None:
    center = np.array(toy_room.BOXES[0].center)
    top = np.array([[center[0], center[1], toy_room.BOXES[0].high[2]]])
    clicked = engine.segment_at(top, np.ones(1, bool))
    assert len(engine.state.scene) == len(engine.map) >= len(clicked.scene)
