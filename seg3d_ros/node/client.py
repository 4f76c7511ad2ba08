"""Client for planners, scripts and tests: the node's services as Python calls.

with Seg3dClient("/seg3d") as seg3d:
    seg3d.set_vocabulary(["chair", "sofa|couch", "table"])
    for found in seg3d.query_objects("something to sit on", max_results=3):
        print(found.instance.label, found.score)
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import rclpy
from geometry_msgs.msg import PointStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from seg3d_ros.msg import Event, EventArray, Instance
from seg3d_ros.node.conversions import point_msg, points_of
from seg3d_ros.node.edit_requests import request_of_edit
from seg3d_ros.node.place_requests import place_msg
from seg3d_ros.node.qos import LATCHED
from seg3d_ros.objects.areas import Area
from seg3d_ros.objects.edits import Edit
from seg3d_ros.objects.places import PlaceCondition
from seg3d_ros.srv import (
    EditObjects,
    GetApproach,
    GetObjectCloud,
    GetObjectImage,
    MapFile,
    QueryObjects,
    SegmentAtPoints,
    SetArea,
    SetVocabulary,
)


class RequestFailed(RuntimeError):  # noqa: N818 - reads as what has happened
    """The node could not do what was asked; the message is the node's own sentence.

    Attributes:
        code: one of ErrorCode.msg; None from services that carry none.
    """

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(message)
        self.code = code


class Found(NamedTuple):
    """An object that fits a query, how well, and why it is in its place (see QueryObjects.srv)."""

    instance: Instance
    score: float
    reason: str = ""


class Findings(list[Found]):
    """Objects that fit a query, best first.

    Attributes:
        message: how many, how a phrase was read, and remarks on words that mean nothing.
        total: of the objects that fit, those beyond `max_results` too.
        frame_id: frame that their positions are in.
    """

    def __init__(self, found: Iterable[Found], *, message: str, total: int, frame_id: str) -> None:
        super().__init__(found)
        self.message = message
        self.total = total
        self.frame_id = frame_id


class Seg3dClient:
    """Calls the services of one seg3d node; `rclpy.init` must have been called before.

    It has a node and a thread of its own, so its methods may be called from any thread, also
    from a callback. Each raises RequestFailed when the node refuses, and TimeoutError when no
    answer comes within `timeout` seconds. `context` is for those who do not use rclpy's own.
    """

    def __init__(
        self, server: str = "/seg3d", *, timeout: float = 10.0, context: Context | None = None
    ) -> None:
        self.timeout = timeout
        self._server = server
        name = f"seg3d_client_{os.getpid()}_{id(self):x}"
        self._node = rclpy.create_node(name, context=context)
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._subscription: Any = None  # to the events, once they are asked for
        self._events: list[Event] = []
        self._told = threading.Event()
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name="client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Seg3dClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and take the node down."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()

    def set_vocabulary(self, labels: Sequence[str], *, templates: Sequence[str] = ()) -> int:
        """Name all objects with these words; returns the version of the vocabulary."""
        request = SetVocabulary.Request(labels=list(labels), prompt_templates=list(templates))
        return int(self._call(SetVocabulary, "set_vocabulary", request).version)

    def query_objects(
        self,
        text: str = "",
        *,
        label: str = "",
        ids: Sequence[int] = (),
        near: Sequence[float] | None = None,
        radius: float = 0.0,
        frame_id: str = "",
        max_results: int = 0,
        min_score: float = 0.0,
        places: Sequence[PlaceCondition] = (),
        area: str = "",
    ) -> Findings:
        """Known objects that meet all conditions given, best first (see QueryObjects.srv).

        `near` is x, y, z in metres in `frame_id` (empty: the fixed frame), and goes together with
        a positive `radius`, metres; a `max_results` of 0 is no limit.
        """
        request = QueryObjects.Request(text=text, label=label, ids=list(ids), radius=float(radius))
        request.max_results, request.min_score = max_results, float(min_score)
        request.places, request.area = [place_msg(place) for place in places], area
        if near is not None:
            request.near = PointStamped(header=Header(frame_id=frame_id), point=point_msg(near))
        answer = self._call(QueryObjects, "query_objects", request)
        rows = zip(answer.instances, answer.scores, answer.reasons, strict=True)
        found = [Found(*row) for row in rows]
        return Findings(
            found,
            message=answer.message,
            total=answer.total,
            frame_id=answer.header.frame_id,
        )

    def set_area(self, name: str, corners: Any, *, frame_id: str = "") -> tuple[Area, ...]:
        """Name the polygon of (K, 2) or (K, 3) corners, metres; returns all areas there are.

        One corner stands for the room around it.
        """
        request = SetArea.Request(header=Header(frame_id=frame_id))
        request.area.name = name
        request.area.corners = [point_msg((*corner, 0.0)) for corner in np.asarray(corners)]
        return self._areas(request)

    def remove_area(self, name: str) -> tuple[Area, ...]:
        """Forget an area; returns those that are left."""
        request = SetArea.Request()
        request.area.name = name
        return self._areas(request)

    def areas(self) -> tuple[Area, ...]:
        """All areas, their corners in the fixed frame."""
        return self._areas(SetArea.Request())

    def _areas(self, request: SetArea.Request) -> tuple[Area, ...]:
        answer = self._call(SetArea, "set_area", request)
        return tuple(Area(area.name, points_of(area.corners)[:, :2]) for area in answer.areas)

    def segment_at_points(
        self,
        points: Any,
        *,
        foreground: Sequence[bool] = (),
        refine_id: int = 0,
        name: str = "",
        frame_id: str = "",
    ) -> SegmentAtPoints.Response:
        """Segment what lies at (K, 3) points, metres (see SegmentAtPoints.srv)."""
        request = SegmentAtPoints.Request(header=Header(frame_id=frame_id), name=name)
        request.points = [point_msg(xyz) for xyz in np.reshape(points, (-1, 3))]
        request.foreground = [bool(flag) for flag in foreground]
        request.refine_id = refine_id
        return self._call(SegmentAtPoints, "segment_at_points", request)

    def edit(self, edit: Edit, *, frame_id: str = "") -> tuple[int, ...]:
        """Correct objects by hand (see `objects.edits`); returns the ids of those changed.

        `frame_id` is the frame of the clicks of a split; empty: the fixed frame.
        """
        answer = self._call(EditObjects, "edit_objects", request_of_edit(edit, frame_id))
        return tuple(answer.ids)

    def get_approach(
        self,
        object_id: int,
        *,
        robot_radius: float = 0.0,
        robot_height: float = 0.0,
        min_distance: float = 0.0,
        max_distance: float = 0.0,
        camera_height: float = 0.0,
        start: Sequence[float] = (0.0, 0.0, 0.0),
        frame_id: str = "",
        max_results: int = 0,
    ) -> GetApproach.Response:
        """Places to look at an object from, best first (see GetApproach.srv; zeros: its defaults).

        `start` is a point of the frame `frame_id`, for example the origin of base_link; without a
        frame it is where the sensor was last.
        """
        request = GetApproach.Request(id=object_id, max_results=max_results)
        request.robot_radius, request.robot_height = float(robot_radius), float(robot_height)
        request.min_distance, request.max_distance = float(min_distance), float(max_distance)
        request.camera_height = float(camera_height)
        request.start = PointStamped(header=Header(frame_id=frame_id), point=point_msg(start))
        return self._call(GetApproach, "get_approach", request)

    def get_object_cloud(self, object_id: int) -> Any:
        """The points of one object as a PointCloud2."""
        request = GetObjectCloud.Request(id=object_id)
        return self._call(GetObjectCloud, "get_object_cloud", request).cloud

    def get_object_image(
        self, object_id: int, *, max_images: int = 0, whole: bool = False
    ) -> GetObjectImage.Response:
        """Pictures of one object, best first (see GetObjectImage.srv)."""
        request = GetObjectImage.Request(id=object_id, max_images=max_images, whole=whole)
        return self._call(GetObjectImage, "get_object_image", request)

    def events(self) -> list[Event]:
        """The newest events, oldest first; waits for the first message of the node."""
        topic = f"{self._server}/events"
        with self._lock:
            if self._subscription is None:
                self._subscription = self._node.create_subscription(
                    EventArray, topic, self._on_events, LATCHED
                )
        if not self._told.wait(self.timeout):
            raise TimeoutError(f"nobody published {topic} within {self.timeout:g} s")
        return list(self._events)

    def _on_events(self, message: EventArray) -> None:
        self._events = list(message.events)
        self._told.set()

    def segment_now(self) -> str:
        """Segment the whole map once; returns what the node says about the result."""
        return str(self._call(Trigger, "segment_now", Trigger.Request()).message)

    def clear_map(self) -> None:
        """Forget the map and all objects."""
        self._call(Trigger, "clear_map", Trigger.Request())

    def save_map(self, path: str) -> MapFile.Response:
        """Write the map to a file on the node's machine; the answer counts what was written."""
        return self._call(MapFile, "save_map", MapFile.Request(path=path))

    def load_map(self, path: str, *, relocalise: bool = False) -> MapFile.Response:
        """Replace the map by a file's; the answer counts what was read.

        With `relocalise` the file's map is moved to where it lies in the map so far.
        """
        request = MapFile.Request(path=path, relocalise=relocalise)
        return self._call(MapFile, "load_map", request)

    def _call(self, kind: Any, service: str, request: Any) -> Any:
        name = f"{self._server}/{service}"
        end = time.monotonic() + self.timeout
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._node.create_client(kind, name)
            client = self._clients[name]
        if not client.wait_for_service(self.timeout):
            raise TimeoutError(f"nobody serves {name}: is the node running and configured?")
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(end - time.monotonic()):
            client.remove_pending_request(future)
            raise TimeoutError(f"{name} did not answer within {self.timeout:g} s")
        response = future.result()
        if not response.success:
            raise RequestFailed(getattr(response, "code", None), response.message)
        return response
