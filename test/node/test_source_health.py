"""The reasons that /diagnostics gives for an input that does not reach the map."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from support import toy_room
from support.harness import images_of, wait_until

from seg3d_ros.engine.pending_frame import PendingFrame
from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.node import source_health
from seg3d_ros.node.conversions import header_msg
from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.qos import SENSOR
from seg3d_ros.node.source_health import SourceJudge
from seg3d_ros.node.subscriptions import CameraSource, Subscriptions

REMAPS = ("points:=/lidar/cloud", "front/color:=/cam/image", "front/depth:=/cam/depth")
OVERRIDES = {"reliability": "reliable", "depth": "50"}
SECOND = 1_000_000_000


@pytest.fixture
def domain() -> int:
    return free_domain()


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    """A node with remapped inputs and an overridden quality of service."""
    arguments = ["--ros-args"]
    for remap in REMAPS:
        arguments += ["-r", remap]
    for key, value in OVERRIDES.items():
        arguments += ["-p", f"qos_overrides./lidar/cloud.subscription.{key}:={value}"]
    with make_node("seg3d", domain, arguments) as made:
        yield made


@pytest.fixture
def driver(domain: int) -> Iterator[Node]:
    with make_node("driver", domain, []) as made:
        yield made


@contextmanager
def make_node(name: str, domain: int, arguments: list[str]) -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node(name, context=context, cli_args=arguments)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def inputs_of(node: Node) -> Subscriptions:
    return Subscriptions(
        node,
        cloud_topics=("points", "other"),
        cameras=("front",),
        compressed_color=False,
        compressed_depth=False,
        sync_slop=0.02,
        deliver=lambda arrival: None,
    )


def judge(node: Node, inputs: Subscriptions, name: str) -> str:
    return SourceJudge(node, inputs.topics[name], inputs.stats[name]).judge().message


def publish(driver: Node, node: Node, topic: str, kind: Any) -> None:
    """Make a publisher and wait until the node knows it."""
    driver.create_publisher(kind, topic, SENSOR)
    wait_until(lambda: node.count_publishers(topic), f"a publisher of {topic}")


def test_topics_are_those_after_remapping(
    node: Node, driver: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = inputs_of(node)
    assert judge(node, inputs, "points") == "no input yet: nobody publishes /lidar/cloud"
    publish(driver, node, "/lidar/cloud", PointCloud2)
    points = SourceJudge(node, inputs.topics["points"], inputs.stats["points"])
    assert points.judge().message == "no input yet", "it may come in a moment"
    monkeypatch.setattr(source_health, "SILENT_S", 0.0)
    assert points.judge().message.startswith("topic seen, but nothing received")


def test_a_topic_of_another_type_is_named_with_both_types(node: Node, driver: Node) -> None:
    inputs = inputs_of(node)
    for topic, kind in {
        "/cam/image": Image,
        "/cam/depth": CompressedImage,
        "/front/camera_info": CameraInfo,
    }.items():
        publish(driver, node, topic, kind)
    expected = "/cam/depth is published as CompressedImage, this node reads Image"
    assert judge(node, inputs, "front") == f"no input yet: {expected}"


def test_quality_of_service_is_overridden_for_one_topic_alone(node: Node) -> None:
    inputs_of(node)
    by_topic = {s.topic_name: s.qos_profile for s in node.subscriptions}
    assert by_topic["/lidar/cloud"].depth == 50
    assert by_topic["/other"].depth == SENSOR.depth
    assert by_topic["/other"].reliability == SENSOR.reliability


def test_a_pair_ends_the_wait_for_pairs_and_no_other() -> None:
    delivered: list[PendingFrame] = []
    record = SourceStats()
    source = CameraSource("front", record, 0.02, delivered.append)
    color, depth, info = images_of(*toy_room.cast(toy_room.views(1)[0]))

    def send(stamp_ns: int) -> None:
        color.header = depth.header = header_msg("camera", stamp_ns)
        source.on_color(color)
        assert not record.waiting.startswith("colour") or stamp_ns == SECOND
        source.on_depth(depth)

    send(SECOND)
    assert record.waiting.startswith("camera_info")
    source.on_camera_info(info)
    assert not record.waiting
    record.wait_for("transform map → camera")
    send(2 * SECOND)
    assert len(delivered) == 2
    assert record.waiting.startswith("transform map → camera"), "the next image knows no better"


def test_a_drop_of_nothing_is_no_drop() -> None:
    record = SourceStats()
    record.count_dropped("time went back", 0)
    assert record.dropped == {} and record.last_drop == ""


def test_a_frame_that_cannot_be_read_is_said_why(start_node, make_robot) -> None:
    robot = make_robot(start_node(input__cameras=["front"], segmentation__period=3600.0).domain)
    robot.listen_to_diagnostics()
    messages = dict(
        zip(("color", "depth", "camera_info"), images_of(*toy_room.cast(toy_room.views(1)[0])))
    )
    messages["color"].encoding = "painted"
    for name, message in messages.items():
        robot.publisher(type(message), f"front/{name}")
    stamp = robot.now_ns()
    robot.send_pose(toy_room.views(1)[0], "camera", stamp)
    for name in ("camera_info", "color", "depth"):
        messages[name].header = header_msg("camera", stamp)
        robot.introduce(f"front/{name}").publish(messages[name])

    def reason() -> str:
        messages = [
            status.message
            for report in robot.received["/diagnostics"]
            for status in report.status
            if status.name.endswith("input front") and "dropped" in status.message
        ]
        return messages[-1] if messages else ""

    assert "frames are dropped: malformed" in wait_until(reason, "the reason")
    assert "painted" in reason()


def test_simulated_time_that_never_comes_is_said_and_the_node_works(
    start_node, make_robot
) -> None:
    node = start_node(use_sim_time=True, segmentation__period=0.2, input__tf_timeout=20.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()

    def found() -> bool:  # an object counts from its second pass on, and a pass needs a new frame
        robot.show(toy_room.views(1))
        return robot.source_values("segmentation")["objects"] != "0"

    wait_until(found, "objects")
    node.wait_for("nothing comes on /clock")
    wait_until(lambda: "/clock" in robot.source_values("clock")["message"], "the hint")
