"""Transforms that come late or never, move, are interpolated, or go back in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from support.harness import Robot, transform_msg, wait_until
from tf2_msgs.msg import TFMessage

from seg3d_ros.node.conversions import header_msg
from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.qos import LATCHED
from seg3d_ros.node.request_pose import RequestPose
from seg3d_ros.node.sensor_messages import measured_cloud_msg
from seg3d_ros.node.transform_source import BuiltinSource
from seg3d_ros.sensing.transform_buffer import (
    ExtrapolationError,
    TransformBuffer,
    TransformError,
    UnknownFrameError,
)

SECOND = 1_000_000_000
AHEAD = np.array([0.0, 0.0, 1.0])  # where the toy sensor of these tests sees its only point
VOXEL = 0.02


def shifted(x: float, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def send_dot(robot: Robot, frame: str, stamp_ns: int) -> None:
    """A cloud of one spot, 1 m ahead."""
    points = np.repeat(AHEAD[None].astype(np.float32), 30, axis=0)
    cloud = measured_cloud_msg(header_msg(frame, 0), points, np.zeros((30, 3), np.uint8))
    robot.send_cloud("points", frame, stamp_ns, cloud)


def send_dot_and_wait(robot: Robot, frame: str, stamp_ns: int) -> np.ndarray:
    """The only point of the map once the dot is in it."""
    assert robot.trigger("seg3d/clear_map").success
    before = int(robot.settled("input points", "integrated"))
    send_dot(robot, frame, stamp_ns)
    robot.wait_integrated("points", before + 1)
    points = robot.map_points()
    assert len(points) == 1
    return points[0]


def dropped(robot: Robot) -> int:
    return int(robot.source_values("input points").get("dropped: no transform", 0))


@pytest.fixture(scope="module")
def robot(start_shared_node, make_shared_robot) -> Robot:
    node = start_shared_node(segmentation__period=3600.0, input__tf_timeout=20.0)
    robot = make_shared_robot(node.domain)
    robot.listen_to_diagnostics()
    wait_until(lambda: robot.source_values("input points"), "diagnostics")
    return robot


def test_a_transform_that_comes_late_is_waited_for(robot: Robot) -> None:
    stamp = robot.now_ns()
    before = robot.source_values("input points")
    send_dot(robot, "late", stamp)
    wait_until(
        lambda: robot.source_values("input points")["received"] > before["received"], "the frame"
    )
    assert robot.settled("input points", "integrated") == before["integrated"]
    robot.send_pose(shifted(1), "late", stamp)
    robot.wait_integrated("points", int(before["integrated"]) + 1)


def test_without_a_transform_a_frame_is_dropped_and_the_frames_are_named(robot: Robot) -> None:
    before = dropped(robot)
    integrated = robot.settled("input points", "integrated")
    assert robot.set_parameters(input__tf_timeout=0.2)[0].successful
    send_dot(robot, "nowhere", robot.now_ns())
    wait_until(lambda: dropped(robot) == before + 1, "a dropped frame")
    values = robot.source_values("input points")
    assert "map → nowhere" in values["message"]
    assert values["integrated"] == integrated, "it never goes into the map at a made-up pose"
    assert robot.set_parameters(input__tf_timeout=20.0)[0].successful


def test_a_tree_of_static_and_moving_frames_is_walked(robot: Robot) -> None:
    quarter_turn = np.eye(4)  # x of the base is y of odom
    quarter_turn[:2, :2] = [[0, -1], [1, 0]]
    stamp = robot.now_ns()
    statics = [
        transform_msg(shifted(10, 0, 0), "map", "odom", 0),
        transform_msg(shifted(0.5, 0, 1.5), "base", "camera", 0),
    ]
    robot.publisher(TFMessage, "/tf_static").publish(TFMessage(transforms=statics))
    robot.send_pose(shifted(0, 2, 0) @ quarter_turn, "base", stamp, parent="odom")
    point = send_dot_and_wait(robot, "camera", stamp)
    np.testing.assert_allclose(point, (10, 2.5, 2.5), atol=VOXEL)


def test_a_frame_between_two_transforms_is_put_between_them(robot: Robot) -> None:
    stamp = robot.now_ns()
    robot.send_pose(shifted(0), "mid", stamp)
    robot.send_pose(shifted(4), "mid", stamp + SECOND)
    point = send_dot_and_wait(robot, "mid", stamp + SECOND // 4)
    np.testing.assert_allclose(point, (1, 0, 1), atol=VOXEL)


@pytest.mark.parametrize("forgets", [False, True])
def test_time_that_goes_back_is_noticed(robot: Robot, forgets: bool) -> None:
    frame = f"looping_{forgets}"
    assert robot.set_parameters(node__clear_on_time_jump=forgets)[0].successful
    now = robot.now_ns() + 60 * SECOND  # later than all other tests
    for tenth in range(2):
        stamp = now + tenth * SECOND // 10
        robot.send_pose(shifted(0), frame, stamp)
        send_dot_and_wait(robot, frame, stamp)
    before = robot.integrated("points")
    again = now - 30 * SECOND
    given_up = dropped(robot)
    send_dot(robot, frame, again)  # too old, until the next one confirms that time went back
    wait_until(lambda: dropped(robot) > given_up, "a dropped frame")
    received = int(robot.settled("input points", "received"))
    send_dot(robot, frame, again)
    wait_until(
        lambda: int(robot.source_values("input points")["received"]) > received, "the old frame"
    )
    robot.settled("input points", "received")
    robot.send_pose(shifted(5), frame, again)
    robot.wait_integrated("points", before + 1)
    found = sorted(point[0] for point in robot.map_points())
    np.testing.assert_allclose(found, [5] if forgets else [0, 5], atol=VOXEL)
    # The stamps of the next test are older again.
    robot.send_pose(shifted(0), frame, robot.now_ns())


# -- transforms of requests --------------------------------------------------------------------


@pytest.fixture
def moving() -> TransformBuffer:
    """map → base at 10 s and 11 s, moving by 1 m."""
    buffer = TransformBuffer()
    for second in (10, 11):
        buffer.set_transform("map", "base", second * SECOND, shifted(second))
    return buffer


def ask(buffer: TransformBuffer, stamp_ns: int | None, *, timeout_s: float = 0.0) -> RequestPose:
    return RequestPose(buffer, "map", "base", stamp_ns, timeout_s=timeout_s)


def place(buffer: TransformBuffer, stamp_ns: int | None, *, timeout_s: float = 0.0) -> float:
    return float(ask(buffer, stamp_ns, timeout_s=timeout_s).wait()[0, 3])


def move_on(buffer: TransformBuffer) -> None:
    """Until everything so far is forgotten."""
    for second in (19, 28, 37):
        buffer.set_transform("map", "base", second * SECOND, shifted(second))


def test_a_request_gets_the_transform_of_its_stamp_or_the_newest(moving: TransformBuffer) -> None:
    assert place(moving, 10 * SECOND + SECOND // 2) == pytest.approx(10.5)
    assert place(moving, None) == 11
    assert place(moving, 11 * SECOND + 13_000_000) == 11, "a little late"
    assert place(moving, 1_700_000_000 * SECOND, timeout_s=60.0) == 11, "another clock: no wait"


def test_a_request_waits_for_a_transform_that_is_on_its_way(moving: TransformBuffer) -> None:
    late = threading.Timer(0.2, moving.set_transform, ("map", "base", 12 * SECOND, shifted(12)))
    late.start()
    assert place(moving, 11 * SECOND + SECOND // 4, timeout_s=20.0) == pytest.approx(11.25)
    late.join()


def test_a_request_before_all_transforms_or_of_a_strange_frame_fails(
    moving: TransformBuffer,
) -> None:
    with pytest.raises(ExtrapolationError):
        place(moving, 9 * SECOND, timeout_s=60.0)
    with pytest.raises(UnknownFrameError):
        RequestPose(moving, "map", "arm", 11 * SECOND, timeout_s=60.0).wait()


def test_a_request_whose_turn_comes_late_gets_the_pose_of_when_it_came(
    moving: TransformBuffer,
) -> None:
    known = ask(moving, 10 * SECOND + SECOND // 2)
    newest = ask(moving, None)
    a_little_late = ask(moving, 11 * SECOND + SECOND // 4, timeout_s=20.0)
    move_on(moving)
    with pytest.raises(ExtrapolationError):
        place(moving, 10 * SECOND + SECOND // 2)
    places = [float(pose.wait()[0, 3]) for pose in (known, newest, a_little_late)]
    assert places == pytest.approx([10.5, 11, 11])


def test_a_frame_that_is_heard_of_while_a_request_waits_is_found(moving: TransformBuffer) -> None:
    early = RequestPose(moving, "map", "arm", 11 * SECOND, timeout_s=0.0)
    moving.set_transform("map", "arm", 11 * SECOND, shifted(3))
    assert early.wait()[0, 3] == 3


# -- the built-in source alone -----------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=free_domain())
    node = rclpy.create_node("listener", context=context)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def spin_until(node: Node, condition: object) -> None:
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)

    def met() -> bool:
        executor.spin_once(timeout_sec=0.05)
        return condition()

    wait_until(met, "what the listener waits for")
    executor.remove_node(node)


def knows(source: BuiltinSource, frame: str, stamp_ns: int | None = None) -> bool:
    try:
        source.lookup("map", frame, stamp_ns)
    except TransformError:
        return False
    return True


def test_one_bad_transform_does_not_take_the_others_with_it(listener: Node) -> None:
    source = BuiltinSource(listener)
    moving = listener.create_publisher(TFMessage, "/tf", QoSProfile(depth=10))
    static = listener.create_publisher(TFMessage, "/tf_static", LATCHED)
    bad = [transform_msg(shifted(1), "map", "bad", SECOND) for _ in range(3)]
    bad[0].transform.rotation.w = 0.0
    bad[1].transform.translation.x = float("nan")
    bad[2].child_frame_id = ""
    static.publish(TFMessage(transforms=[transform_msg(shifted(3), "map", "fixed", 0)]))
    spin_until(listener, moving.get_subscription_count)
    for stamp in (SECOND, 2 * SECOND):
        good = transform_msg(shifted(stamp / SECOND), "map", "good", stamp)
        moving.publish(TFMessage(transforms=[*bad, good]))
    spin_until(listener, lambda: knows(source, "good", 2 * SECOND) and knows(source, "fixed"))

    assert source.lookup("map", "good", SECOND * 3 // 2)[0, 3] == pytest.approx(1.5)
    assert source.lookup("map", "good", None)[0, 3] == pytest.approx(2.0)
    assert not knows(source, "bad")
    source.clear()
    assert not knows(source, "good") and knows(source, "fixed", SECOND)
    with pytest.raises(UnknownFrameError, match="good"):
        source.lookup("map", "good", SECOND)
    source.close()
    assert listener.count_subscribers("/tf") == 0
