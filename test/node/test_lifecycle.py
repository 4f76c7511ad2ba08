"""The node's life: states, signals, namespaces, restarts."""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from support import toy_room
from support.harness import Robot, wait_until

from seg3d_ros.msg import ErrorCode, InstanceArray
from seg3d_ros.packages import INSTALL_TEXT
from seg3d_ros.srv import (
    GetObjectCloud,
    GetObjectImage,
    MapFile,
    QueryObjects,
    SegmentAtPoints,
    SetVocabulary,
)

END_S = 2.0  # a node that is asked to end takes no longer


def change(robot: Robot, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(robot.call(ChangeState, "seg3d/change_state", request).success)


def state(robot: Robot) -> int:
    return int(robot.call(GetState, "seg3d/get_state", GetState.Request()).current_state.id)


def known_objects(robot: Robot) -> list[Any]:
    return list(robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request()).instances)


def test_every_state_can_be_left_and_entered_again(start_node, make_robot) -> None:
    node = start_node(
        node__autostart=False, segmentation__period=3600.0, wait_for="autostart is off"
    )
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    assert state(robot) == State.PRIMARY_STATE_UNCONFIGURED
    assert robot.set_parameters(map__voxel_size=0.021)[0].successful
    assert change(robot, Transition.TRANSITION_CONFIGURE)
    assert "voxels of 0.021 m" in node.output
    refused = robot.set_parameters(map__voxel_size=0.02)[0]
    assert not refused.successful and "clean it up first" in refused.reason
    assert_not_active(robot)
    assert change(robot, Transition.TRANSITION_ACTIVATE)
    robot.show(toy_room.views(3))
    for _ in range(2):
        assert robot.trigger("seg3d/segment_now").success
    before = known_objects(robot)
    assert len(before) >= len(toy_room.BOXES)

    assert change(robot, Transition.TRANSITION_DEACTIVATE)
    assert_not_active(robot)
    wait_until(lambda: not robot.node.count_subscribers("points"), "nobody who listens")
    assert change(robot, Transition.TRANSITION_ACTIVATE)
    assert known_objects(robot) == before, "deactivation keeps the map"
    robot.send_view(toy_room.views(3)[0])  # counters start anew
    wait_until(lambda: robot.settled("input points", "integrated") == "1", "a frame in the map")

    assert change(robot, Transition.TRANSITION_DEACTIVATE)
    assert change(robot, Transition.TRANSITION_CLEANUP)
    assert state(robot) == State.PRIMARY_STATE_UNCONFIGURED
    assert robot.set_parameters(map__voxel_size=0.02)[0].successful
    assert change(robot, Transition.TRANSITION_CONFIGURE)
    assert change(robot, Transition.TRANSITION_ACTIVATE)
    assert known_objects(robot) == [], "cleanup forgets it"
    assert change(robot, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(robot) == State.PRIMARY_STATE_FINALIZED


def assert_not_active(robot: Robot) -> None:
    """Every service says that the node has to be activated."""
    requests = (
        (SetVocabulary, "set_vocabulary"),
        (SegmentAtPoints, "segment_at_points"),
        (QueryObjects, "query_objects"),
        (GetObjectCloud, "get_object_cloud"),
        (GetObjectImage, "get_object_image"),
        (MapFile, "save_map"),
        (MapFile, "load_map"),
    )
    for kind, name in requests:
        answer = robot.call(kind, f"seg3d/{name}", kind.Request())
        assert not answer.success and answer.code == ErrorCode.NOT_ACTIVE
        assert "activate" in answer.message
    for name in ("segment_now", "clear_map"):
        answer = robot.trigger(f"seg3d/{name}")
        assert not answer.success and "activate" in answer.message


def test_a_transition_that_fails_or_that_the_state_lacks_changes_nothing(
    start_node, make_robot
) -> None:
    node = start_node(
        node__autostart=False, segmentation__model="nothing", wait_for="autostart is off"
    )
    robot = make_robot(node.domain)
    assert not change(robot, Transition.TRANSITION_CONFIGURE)
    assert state(robot) == State.PRIMARY_STATE_UNCONFIGURED
    node.wait_for("no segmenter is called 'nothing'")
    assert not change(robot, Transition.TRANSITION_CONFIGURE)
    # The state does not have these.
    assert not change(robot, Transition.TRANSITION_DEACTIVATE)
    flight = ChangeState.Request(transition=Transition(label="fly"))
    assert not robot.call(ChangeState, "seg3d/change_state", flight).success
    assert state(robot) == State.PRIMARY_STATE_UNCONFIGURED


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_busy_node_in_time(start_node, make_robot, how: int) -> None:
    node = start_node(segmentation__period=0.05)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(3))
    start = time.monotonic()
    assert node.stop(how) == 0
    assert time.monotonic() - start < END_S
    assert "Traceback" not in node.output


def test_two_namespaced_nodes_do_not_meet(start_node, make_robot) -> None:
    first = start_node(
        arguments=("-r", "__ns:=/left"),
        segmentation__period=3600.0,
        input__point_cloud_topics=["points"],
    )
    second = start_node(
        arguments=("-r", "__ns:=/right"), domain=first.domain, segmentation__period=3600.0
    )
    assert second.domain == first.domain
    robot = make_robot(first.domain)
    robot.listen_to_diagnostics()

    def left_has_seen_it() -> bool:
        # Either node may be the one whose /tf answers, so one frame alone can be lost.
        robot.send_view(toy_room.views(3)[1], topic="left/points")
        return int(values(robot, "/left").get("integrated", 0)) > 0

    wait_until(left_has_seen_it, "the left one's frame")
    assert robot.trigger("left/seg3d/segment_now").success
    assert not robot.trigger("right/seg3d/segment_now").success, "nothing came to the right one"
    wait_until(lambda: values(robot, "/right").get("received") == "0", "the right one's report")


def values(robot: Robot, namespace: str) -> dict[str, str]:
    return robot.source_values(f"{namespace}/seg3d: input points")


def test_a_restart_with_the_saved_map_knows_the_same_objects(
    start_node, make_robot, tmp_path: Path
) -> None:
    node = start_node(segmentation__period=3600.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(4))
    for _ in range(2):
        assert robot.trigger("seg3d/segment_now").success
    click = SegmentAtPoints.Request(name="red box")
    click.points.append(known_objects(robot)[0].centroid)
    robot.call(SegmentAtPoints, "seg3d/segment_at_points", click)
    before = known_objects(robot)
    path = str(tmp_path / "room.npz")
    assert robot.call(MapFile, "seg3d/save_map", MapFile.Request(path=path)).success
    node.stop(signal.SIGKILL)

    again = start_node(segmentation__period=3600.0, node__map_file=path)
    robot = make_robot(again.domain)
    arrays = robot.listen(InstanceArray, "seg3d/instances")
    assert known_objects(robot) == before
    wait_until(lambda: arrays and len(arrays[-1].instances) == len(before), "latched objects")
    assert robot.trigger("seg3d/segment_now").success
    same = {item.id for item in known_objects(robot)} & {item.id for item in before}
    assert len(same) >= len(toy_room.BOXES), "objects keep their ids while the map is segmented"


@pytest.mark.torch
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_still_compiles_its_kernels_can_be_ended(start_node, how: int) -> None:
    node = start_node(segmentation__model="mini", wait_for="model mini")
    assert node.stop(how) == 0


def test_a_signal_ends_a_node_that_a_manager_is_activating(
    start_node, make_robot, tmp_path: Path
) -> None:
    node = start_node(
        node__autostart=False, wait_for="autostart is off", env={"NUMBA_CACHE_DIR": str(tmp_path)}
    )
    robot = make_robot(node.domain)
    assert change(robot, Transition.TRANSITION_CONFIGURE)
    activate = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
    answer = robot.ask(ChangeState, "seg3d/change_state", activate)
    wait_until(lambda: list(tmp_path.rglob("*.nbc")), "the first kernel")
    assert node.stop() == 0
    assert not answer.done(), "it was still activating"


def test_a_node_takes_its_shared_memory_along(start_node) -> None:
    node = start_node(node__autostart=False, wait_for="autostart is off")
    opened = [link.readlink() for link in Path(f"/proc/{node.process.pid}/fd").iterdir()]
    lock_file = re.compile(r"/dev/shm/fast\w+_[0-9a-f]{16}_el")
    locks = [path for path in opened if lock_file.fullmatch(str(path))]
    if not locks:
        pytest.skip("this middleware keeps no segments in /dev/shm")
    node.stop()
    segments = [lock.with_name(lock.name.removesuffix("_el")) for lock in locks]
    assert not [path for path in (*locks, *segments) if path.exists()]


@pytest.mark.parametrize("prefix", ["fastdds", "fastrtps"])
def test_segments_of_both_generations_of_fast_dds_are_unlinked(prefix: str) -> None:
    segment = Path("/dev/shm", f"{prefix}_{secrets.token_hex(8)}")
    program = f"""
from pathlib import Path
from seg3d_ros.node.fastdds_segments import unlink_own_segments
Path({str(segment)!r}).touch()
lock = open({str(segment) + "_el"!r}, "w")
unlink_own_segments()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert list(segment.parent.glob(f"{segment.name}*")) == []


def test_a_second_node_of_the_same_name_is_said(start_node) -> None:
    first = start_node(segmentation__period=3600.0)
    start_node(domain=first.domain, node__autostart=False, wait_for="autostart is off")
    first.wait_for("another node is called /seg3d")


def test_without_torch_the_default_model_gives_way_to_geometric(start_node) -> None:
    without_torch = (
        "import sys; sys.modules['torch'] = None; from seg3d_ros.node.main import main; main()"
    )
    node = start_node(
        segmentation__model="mini", prompt__model="auto", program=("-c", without_torch)
    )
    assert f"For mini: {INSTALL_TEXT}" in node.output
    assert "model geometric" in node.output
