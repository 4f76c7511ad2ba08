"""Evidence from a running system: a node that listens to what the sensors publish."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import rclpy
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from seg3d_ros.doctor.evidence import CLOCK, STATIC, Evidence, SegmentationNode, Stream
from seg3d_ros.doctor.machine import read_machine
from seg3d_ros.doctor.quality import Endpoint, Quality
from seg3d_ros.errors import InputError
from seg3d_ros.node.environment import set_memory_defaults
from seg3d_ros.recordings.bag_topics import CAMERA_INFO, find_sources

QUIET_S = 3.5  # without anything new, all is discovered; Fast DDS repeats itself after 3 s
DISCOVERY_S = 10.0  # at most
LOOK_AGAIN_S = 1.0  # for topics that are new
ANSWER_S = 2.0
_QUEUE = 50  # messages: a busy computer must not make the doctor lose what the network brought
_FOREVER_NS = 2**31 * 10**9  # the middlewares write "none" as some number of about this size
_OFFERS = "seg3d_ros/srv/QueryObjects"
_KINDS = {
    f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}": kind
    for kind in (CameraInfo, CompressedImage, Image, PointCloud2, TFMessage, Clock)
}
_ALWAYS = {
    "/tf": "tf2_msgs/msg/TFMessage",
    STATIC: "tf2_msgs/msg/TFMessage",
    CLOCK: "rosgraph_msgs/msg/Clock",
}


def listen(seconds: float, *, topic: str = "", fixed_frame: str = "") -> Evidence:
    """Listen to the sensors, transforms and clock of the running system.

    Args:
        seconds: how long.
        topic: cloud or depth topic to look at; empty: those that a running seg3d node reads, and
            without one all there are.
        fixed_frame: frame of the map; empty: that of the running node.

    Raises:
        InputError: there is no such topic.
        RuntimeError: ROS does not start.
    """
    machine = read_machine(rclpy.get_rmw_implementation_identifier())  # as the user's shell has it
    set_memory_defaults()
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("seg3d_doctor", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        _discover(node, executor)
        listener = _Listener(node, topic)
        evidence = listener.evidence
        evidence.machine = machine
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            listener.look_around()
            _spin(executor, min(left, LOOK_AGAIN_S))
        evidence.duration_s = seconds
        listener.note_endpoints()
        evidence.node = _with_parameters(node, executor, evidence.node)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    known = evidence.node.parameters if evidence.node else {}
    evidence.choose_fixed_frame(fixed_frame or str(known.get("node.fixed_frame", "")))
    return evidence


class _Listener:
    """Subscriptions to every topic of the sources.

    Attributes:
        evidence: what came.
    """

    def __init__(self, node: Node, wanted: str) -> None:
        self._node = node
        self._wanted = wanted
        self.evidence = Evidence({}, {}, {})
        self.look_around()
        if wanted and not self.evidence.sources:
            known = ", ".join(find_sources(self.evidence.types)) or "none"
            raise InputError(f"topic {wanted!r} is no cloud or depth camera; there are: {known}")

    def look_around(self) -> None:
        """Find sources and subscribe to what is new."""
        evidence = self.evidence
        evidence.node = _segmentation_node(self._node)  # it may become active meanwhile
        evidence.types = {
            name: kinds[0]
            for name, kinds in self._node.get_topic_names_and_types()
            if self._node.count_publishers(name) and not self._is_output(name)
        }
        types = evidence.types
        if evidence.node and evidence.node.inputs and not self._wanted:
            types = _published_first(evidence.node.inputs, types)
        sources = find_sources(types)
        if self._wanted:
            sources = {name: source for name, source in sources.items() if name == self._wanted}
        evidence.sources = sources
        kinds = {**_ALWAYS, **{name: types[name] for name in evidence.source_topics}}
        for name in kinds.keys() - evidence.streams.keys():
            evidence.streams[name] = Stream(name, kinds[name])
            self._subscribe(name, kinds[name])

    def _is_output(self, topic: str) -> bool:
        """True for a topic that our own node publishes."""
        node = self.evidence.node
        return node is not None and topic.startswith(f"{node.name}/")

    def _subscribe(self, topic: str, kind: str) -> None:
        def on_message(message: Any) -> None:
            self.evidence.take(topic, message, time.time_ns())

        for profile in _profiles(topic):
            self._node.create_subscription(_KINDS[kind], topic, on_message, profile)

    def note_endpoints(self) -> None:
        """Note who publishes and who listens."""
        ours = self._node.get_fully_qualified_name()
        for stream in self.evidence.streams.values():
            stream.publishers = _endpoints(self._node.get_publishers_info_by_topic(stream.topic))
            listeners = _endpoints(self._node.get_subscriptions_info_by_topic(stream.topic))
            stream.subscribers = [listener for listener in listeners if listener.node != ours]


def _profiles(topic: str) -> list[QoSProfile]:
    """Qualities of service that hear every publisher from its first message on.

    A reliable subscription would get nothing before the next heartbeat, which may take seconds.
    """
    profiles = [QoSProfile(depth=_QUEUE, reliability=ReliabilityPolicy.BEST_EFFORT)]
    if topic == STATIC:
        latched = DurabilityPolicy.TRANSIENT_LOCAL
        profiles.append(QoSProfile(depth=_QUEUE, durability=latched))
    return profiles


def _discover(node: Node, executor: SingleThreadedExecutor) -> None:
    """Wait until nothing new turns up in the graph."""
    start = changed = time.monotonic()
    known: set[str] = set()
    while time.monotonic() < min(changed + QUIET_S, start + DISCOVERY_S):
        _spin(executor, 0.25)
        graph = node.get_topic_names_and_types() + node.get_service_names_and_types()
        names = {name for name, _ in graph}
        if not names <= known:
            known |= names
            changed = time.monotonic()


def _spin(executor: SingleThreadedExecutor, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        executor.spin_once(timeout_sec=left)


def _endpoints(found: list[Any]) -> list[Endpoint]:
    return [
        Endpoint(
            f"{item.node_namespace.rstrip('/')}/{item.node_name}",
            item.topic_type,
            _quality(item.qos_profile),
        )
        for item in found
    ]


def _quality(profile: QoSProfile) -> Quality:
    deadline_ns = profile.deadline.nanoseconds
    return Quality(
        reliable=profile.reliability != ReliabilityPolicy.BEST_EFFORT,
        latched=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        deadline_ns=deadline_ns if 0 < deadline_ns < _FOREVER_NS else None,
    )


def _segmentation_node(node: Node) -> SegmentationNode | None:
    """The node of this package that runs; the first one by name of several."""
    services = sorted(
        name for name, kinds in node.get_service_names_and_types() if _OFFERS in kinds
    )
    if not services:
        return None
    full = services[0].rpartition("/")[0]
    namespace, _, name = full.rpartition("/")
    found = node.get_subscriber_names_and_types_by_node(name, namespace or "/")
    inputs = {topic: kinds[0] for topic, kinds in found if kinds[0] in _KINDS}
    return SegmentationNode(full, {t: k for t, k in inputs.items() if t not in _ALWAYS})


def _published_first(inputs: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    """Inputs of the node without calibrations that nobody publishes where there are others.

    The node also listens for a calibration of depth that is not registered to colour.
    """
    infos = [topic for topic, kind in inputs.items() if kind == CAMERA_INFO]
    published = [topic for topic in infos if topic in types] or sorted(infos, key=len)[:1]
    return {t: kind for t, kind in inputs.items() if kind != CAMERA_INFO or t in published}


def _with_parameters(
    node: Node, executor: SingleThreadedExecutor, found: SegmentationNode | None
) -> SegmentationNode | None:
    """The node with the values of its parameters; without them when it does not answer."""
    if found is None:
        return None
    listed = _call(node, executor, ListParameters, f"{found.name}/list_parameters")
    names = list(listed.result.names) if listed else []
    request = GetParameters.Request(names=names)
    answer = _call(node, executor, GetParameters, f"{found.name}/get_parameters", request)
    if not names or answer is None:
        return found
    values = map(parameter_value_to_python, answer.values)
    return SegmentationNode(found.name, found.inputs, dict(zip(names, values, strict=False)))


def _call(
    node: Node, executor: SingleThreadedExecutor, kind: Any, name: str, request: Any = None
) -> Any:
    """Answer of a service, None when none comes in time."""
    client = node.create_client(kind, name)
    try:
        if not client.wait_for_service(timeout_sec=ANSWER_S):
            return None
        future = client.call_async(request or kind.Request())
        executor.spin_until_future_complete(future, timeout_sec=ANSWER_S)
        return future.result() if future.done() else None
    finally:
        node.destroy_client(client)
