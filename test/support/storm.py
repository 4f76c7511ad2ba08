"""Storm of faults: frames, transforms, requests, parameters, transitions.

Bounded and local: about ten messages a second on the topics of one node in its own DDS domain,
two clients that wait for each answer, files in one folder, and an end.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.conversions import header_msg
from seg3d_ros.node.services import SERVICES
from support import malformed, measured_node, toy_room
from support.harness import NodeProcess, Robot, cloud_of, images_of, transform_msg
from support.storm_requests import PARAMETERS, draw_request

_PARAMETERS_OF_NODE = {
    "input__cameras": ["front"],
    "input__point_cloud_topics": ["points", "side"],
    "segmentation__period": 0.5,
    "tracking__confirm_views": 1,
}
PERIOD_S = 0.1  # of the frames
REST_S = 1.5  # what runs longer than the node waits for has ended by then
SAMPLE_S = 2.0
ANSWER_S = 60.0  # a request without an answer for so long gets none
YEAR_NS = 365 * 24 * 3600 * 10**9
_CAMERA = {"front/color": Image, "front/depth": Image, "front/camera_info": CameraInfo}
_RAW_TOPICS = ("points", "front/color", "front/camera_info", "/tf", "clicked_point")
_SERVICE_WEIGHTS = {"query_objects": 6, "segment_at_points": 5, "get_object_cloud": 3}
_REQUEST_WEIGHTS = [_SERVICE_WEIGHTS.get(name, 1) for name in SERVICES]


@dataclass
class StormReport:
    """Counts of a storm.

    Attributes:
        sent: messages by kind.
        answers: answers by service.
        unanswered: names of the services whose requests got none.
        internal: messages of answers that a fault of the node gave.
        broken: faults of the storm itself, which end one of its loops.
        latencies: seconds until the answer, by service.
        resident: MB of the node's anonymous memory, now and then.
        rests: (minutes, MB) in use at each rest.
        threads: number of the node's Python threads at each rest.
    """

    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    internal: list[str] = field(default_factory=list)
    broken: list[BaseException] = field(default_factory=list)
    latencies: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    resident: list[float] = field(default_factory=list)
    rests: list[tuple[float, float]] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def slope_mb_per_min(self) -> float:
        """Growth of the memory in use from rest to rest, without the first: a straight line."""
        minutes, megabytes = np.array(self.rests[1:]).T
        return float(np.polyfit(minutes, megabytes, 1)[0])


def node_options(folder: Path) -> dict[str, Any]:
    """Options of the node for a storm with the same folder."""
    return {
        **_PARAMETERS_OF_NODE,
        "program": (measured_node.__file__,),
        "env": {**measured_node.ENVIRONMENT, measured_node.FOLDER: str(folder)},
    }


class Storm:
    """One storm on a node that was started with `node_options`."""

    def __init__(self, robot: Robot, node: NodeProcess, folder: Path, *, seed: int = 1) -> None:
        self.report = StormReport()
        self._robot = robot
        self._node = node
        self._map_file = str(folder / "storm.map")
        self._folder = folder
        self._start = time.monotonic()
        self._random = random.Random(seed)
        self._stop = threading.Event()
        views = [(pose, *toy_room.cast(pose)) for pose in toy_room.views(8)]
        self._clouds = [(pose, cloud_of(depth, color)) for pose, depth, color in views]
        self._images = [(pose, images_of(depth, color)) for pose, depth, color in views[:4]]
        self._bad_clouds = list(malformed.clouds())
        self._bad_images = list(malformed.images())
        self._raw = bytes(serialize_message(self._clouds[0][1]))
        for topic in ("points", "side"):
            robot.publisher(PointCloud2, topic)
        for topic, kind in _CAMERA.items():
            robot.publisher(kind, topic)
        robot.publisher(PointStamped, "clicked_point", QoSProfile(depth=10))
        robot.send_static_pose(self._clouds[0][0], "side")

    def run(self, *, rounds: int, seconds: float) -> StormReport:
        """Storm so many times for so long, with a rest after each; active again at the end."""
        for _ in range(rounds):
            self._storm(seconds)
            self._rest()
            self._activate()
        return self.report

    def _storm(self, seconds: float) -> None:
        self._stop.clear()
        loops: list[Callable[[random.Random], Iterator[float]]] = [
            *(self._ask, self._ask, self._set_parameters, self._change_state, self._watch_memory)
        ]
        threads = [
            threading.Thread(target=self._loop, args=(loop, self._random.random()), daemon=True)
            for loop in loops
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._node.process.poll() is None:
            self._send_something()
            time.sleep(PERIOD_S)
        self._stop.set()
        for thread in threads:
            thread.join()

    def _rest(self) -> None:
        """Take everything from the node that it can give back, and read what it still uses."""
        self._go(Transition.TRANSITION_DEACTIVATE)
        self._go(Transition.TRANSITION_CLEANUP)
        if self._node.process.poll() is None:
            time.sleep(REST_S)
            minutes = (time.monotonic() - self._start) / 60.0
            reading = measured_node.read_gauge(self._folder)
            self.report.rests.append((minutes, reading.megabytes))
            self.report.threads.append(reading.threads)

    def _loop(self, loop: Callable[[random.Random], Iterator[float]], seed: float) -> None:
        """Run a loop until the storm ends; it yields the seconds to its next round."""
        try:
            for pause_s in loop(random.Random(seed)):
                if self._stop.wait(pause_s):
                    return
        except BaseException as fault:
            self.report.broken.append(fault)
            raise

    # -- frames --------------------------------------------------------------------------------

    def _send_something(self) -> None:
        chosen, number = self._random.random(), self._random.randrange(1_000)
        for share, kind, send in (
            (0.66, "good cloud", lambda: self._send_cloud(*self._clouds[number % 8])),
            (0.06, "good images", lambda: self._send_images(*self._images[number % 4])),
            (0.07, "bad cloud", lambda: self._send_cloud(np.eye(4), self._bad_cloud())),
            (0.05, "bad images", lambda: self._publish_images(self._bad_triple())),
            (0.05, "wrong stamp", self._send_wrong_stamp),
            (0.05, "bad transform", self._send_bad_transforms),
            (1.0, "raw bytes", self._send_raw_bytes),
        ):
            if chosen < share:
                self.report.sent[kind] += 1
                return send()
            chosen -= share
        return None

    def _bad_cloud(self) -> PointCloud2:
        return self._random.choice(self._bad_clouds)

    def _bad_triple(self) -> tuple[Any, ...]:
        return self._random.choice(self._bad_images)

    def _send_cloud(self, pose: np.ndarray, cloud: PointCloud2) -> None:
        stamp = self._robot.now_ns()
        self._robot.send_pose(pose, "camera", stamp)
        cloud.header = header_msg("camera", stamp)
        self._robot.publisher(PointCloud2, "points").publish(cloud)

    def _send_images(self, pose: np.ndarray, images: tuple[Any, ...]) -> None:
        self._robot.send_pose(pose, "front", self._robot.now_ns())
        self._publish_images(images)

    def _publish_images(self, images: tuple[Any, ...]) -> None:
        stamp = self._robot.now_ns()
        for (topic, kind), message in zip(_CAMERA.items(), images, strict=True):
            message.header = header_msg("front", stamp)
            self._robot.publisher(kind, topic).publish(message)

    def _send_wrong_stamp(self) -> None:
        now = self._robot.now_ns()
        stamps = (0, 1, now + YEAR_NS, now + 5 * 10**9, now - 10**12, (2**31 - 1) * 10**9)
        _, cloud = self._clouds[0]
        cloud.header = header_msg("side", self._random.choice(stamps))
        self._robot.publisher(PointCloud2, "side").publish(cloud)

    def _send_bad_transforms(self) -> None:
        now, pose = self._robot.now_ns(), self._clouds[0][0].copy()
        publisher = self._robot.introduce("/tf")
        messages = list(malformed.transforms(now))
        pose[:3, 3] += [self._random.uniform(-30, 30) for _ in range(3)]
        ahead = transform_msg(pose, "map", "camera", now + YEAR_NS)
        jump = transform_msg(pose, "map", "camera", now)
        messages[0].transforms = [self._random.choice([ahead, jump])]
        for message in messages[: self._random.choice([1, -1, len(messages)])]:
            publisher.publish(message)

    def _send_raw_bytes(self) -> None:
        """Serialised messages that are cut, changed or made up."""
        data = bytearray(self._raw)
        match self._random.randrange(3):
            case 0:
                data = data[: self._random.randrange(4, len(data))]
            case 1:
                for _ in range(20):
                    data[self._random.randrange(200)] = self._random.randrange(256)
            case 2:
                data = bytearray(self._random.randbytes(self._random.randrange(4, 3_000)))
        topic = self._random.choice(_RAW_TOPICS)
        kind = {"points": PointCloud2, "clicked_point": PointStamped, **_CAMERA}.get(topic)
        publisher = self._robot.introduce("/tf") if kind is None else None
        (publisher or self._robot.publisher(kind, topic)).publish(bytes(data))

    # -- requests ------------------------------------------------------------------------------

    def _ask(self, rng: random.Random) -> Iterator[float]:
        while True:
            (name,) = rng.choices(list(SERVICES), _REQUEST_WEIGHTS)
            answer = self._call(SERVICES[name], name, draw_request(rng, name, self._map_file))
            if answer is not None and getattr(answer, "code", None) == ErrorCode.INTERNAL:
                self.report.internal.append(f"{name}: {answer.message}")
            yield rng.uniform(0.05, 0.5)

    def _set_parameters(self, rng: random.Random) -> Iterator[float]:
        while True:
            values = {name: rng.choice(PARAMETERS[name]) for name in rng.sample([*PARAMETERS], 2)}
            self._set(values)
            yield rng.uniform(0.5, 2.0)
            self._set({name: allowed[0] for name, allowed in PARAMETERS.items()})

    def _set(self, values: dict[str, Any]) -> None:
        request = SetParameters.Request(
            parameters=[Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        )
        self._call(SetParameters, "set_parameters", request)

    def _change_state(self, rng: random.Random) -> Iterator[float]:
        while True:
            yield rng.uniform(5.0, 12.0)
            self._go(Transition.TRANSITION_DEACTIVATE)
            if rng.random() < 0.5:
                self._go(Transition.TRANSITION_CLEANUP)
            elif rng.random() < 0.2:
                self._go(rng.choice([0, 99, Transition.TRANSITION_CONFIGURE]))
            self._activate()

    def _activate(self) -> None:
        for _ in range(3):
            answer = self._call(GetState, "get_state", GetState.Request())
            if answer is None or answer.current_state.id == State.PRIMARY_STATE_ACTIVE:
                return
            inactive = answer.current_state.id == State.PRIMARY_STATE_INACTIVE
            self._go(
                Transition.TRANSITION_ACTIVATE if inactive else Transition.TRANSITION_CONFIGURE
            )

    def _go(self, transition: int) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        self._call(ChangeState, "change_state", request)

    def _call(self, kind: Any, name: str, request: Any) -> Any:
        """Ask and wait; None when no answer comes."""
        start = time.monotonic()
        future = self._robot.ask(kind, f"seg3d/{name}", request)
        while not future.done():
            if time.monotonic() - start > ANSWER_S or self._node.process.poll() is not None:
                self.report.unanswered.append(name)
                return None
            time.sleep(0.005)
        self.report.latencies[name].append(time.monotonic() - start)
        self.report.answers[name] += 1
        return future.result()

    def _watch_memory(self, _: random.Random) -> Iterator[float]:
        status = Path(f"/proc/{self._node.process.pid}/status")
        while self._node.process.poll() is None:
            line = next(x for x in status.read_text().splitlines() if x.startswith("RssAnon"))
            self.report.resident.append(int(line.split()[1]) / 1024)
            yield SAMPLE_S
