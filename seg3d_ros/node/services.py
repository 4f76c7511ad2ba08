"""Requests to the node: words, clicks, queries, maps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped
from rclpy.node import Node
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import MAX_WAITING, Priority
from seg3d_ros.engine.throttle import Throttle
from seg3d_ros.node.approach_requests import approach_of_request, fill_in_approaches
from seg3d_ros.node.conversions import header_msg, instance_msg, points_of, stamp_ns
from seg3d_ros.node.edit_requests import edit_of_request
from seg3d_ros.node.object_images import fill_in_images
from seg3d_ros.node.place_requests import area_msgs, place_condition
from seg3d_ros.node.publishers import cloud_of_object
from seg3d_ros.node.request_points import clicks_of_request, in_fixed_frame
from seg3d_ros.node.request_pose import RequestPose
from seg3d_ros.node.sensor_messages import transform_msg
from seg3d_ros.node.service_host import (
    Handle,
    Handler,
    Receive,
    ServiceHost,
    answered,
    check_active,
)
from seg3d_ros.node.transform_source import TransformSource
from seg3d_ros.objects.areas import Area
from seg3d_ros.objects.query import Query
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

log = logging.getLogger(__name__)

SERVICES = {  # by name, relative to the node's
    "set_vocabulary": SetVocabulary,
    "segment_at_points": SegmentAtPoints,
    "query_objects": QueryObjects,
    "get_approach": GetApproach,
    "get_object_cloud": GetObjectCloud,
    "edit_objects": EditObjects,
    "get_object_image": GetObjectImage,
    "set_area": SetArea,
    "segment_now": Trigger,
    "clear_map": Trigger,
    "save_map": MapFile,
    "load_map": MapFile,
}


class Services:
    """Handlers of the requests to a configured node; the engine publishes what they change.

    What only reads is answered while words are embedded, a map is saved or a click is segmented,
    and all of that while a segmentation runs; see `JobQueue`.
    """

    def __init__(
        self,
        node: Node,
        host: ServiceHost,
        engine: Engine,
        transforms: TransformSource,
        *,
        fixed_frame: str,
        is_active: Callable[[], bool],
        tf_timeout: Callable[[], float],
    ) -> None:
        self._node = node
        self._host = host
        self._engine = engine
        self._transforms = transforms
        self._fixed_frame = fixed_frame
        self._is_active = is_active
        self._tf_timeout = tf_timeout
        self._throttle = Throttle(log)
        host.lend(self._handlers())
        self._clicks = node.create_subscription(
            PointStamped, "clicked_point", self._on_clicked_point, 10
        )

    def close(self) -> None:
        """Stop serving; `Engine.close` answers the requests that wait."""
        self._host.lend({})
        self._node.destroy_subscription(self._clicks)

    # -- requests ------------------------------------------------------------------------------

    def _set_vocabulary(self, request: Any, response: Any) -> None:
        vocabulary = self._engine.set_vocabulary(request.labels, request.prompt_templates)
        response.version = vocabulary.version
        summary = f"{len(vocabulary.entries)} labels, version {vocabulary.version}"
        response.message = "; ".join([summary, *vocabulary.warnings])

    def _receive_click(self, request: Any) -> Handle:
        pose = self._pose_of(request.header)

        def segment(request: Any, response: Any) -> None:
            self._segment_at_points(request, response, pose)

        return self._if_active(segment)

    def _segment_at_points(self, request: Any, response: Any, pose: RequestPose | None) -> None:
        clicks, foreground = clicks_of_request(request, pose)
        found = self._engine.segment_at(
            clicks, foreground, name=request.name, refine_id=request.refine_id
        )
        header = header_msg(self._fixed_frame, found.scene.stamp_ns)
        response.method = found.method
        response.instance = instance_msg(found.object)
        response.cloud = cloud_of_object(header, found.scene, found.object)
        response.predicted_iou = (
            float("nan") if found.predicted_iou is None else found.predicted_iou
        )
        response.message = (
            f"object {found.object.id} ({found.object.label}) with "
            f"{len(found.object.element_ids)} voxels, by {found.method}"
        )

    def _receive_edit(self, request: Any) -> Handle:
        pose = self._pose_of(request.header) if request.points else None

        def edit(request: Any, response: Any) -> None:
            wanted = edit_of_request(request, lambda: clicks_of_request(request, pose))
            report = self._engine.edit(wanted)
            response.ids, response.message = list(report.ids), report.message

        return self._if_active(edit)

    def _receive_query(self, request: Any) -> Handle:
        pose = self._pose_of(request.near.header) if request.radius else None

        def query(request: Any, response: Any) -> None:
            self._query_objects(request, response, pose)

        return self._if_active(query)

    def _query_objects(self, request: Any, response: Any, pose: RequestPose | None) -> None:
        near = None
        if request.radius:
            at = request.near.point
            point = in_fixed_frame(np.array([[at.x, at.y, at.z]]), pose)[0]
            near = (float(point[0]), float(point[1]), float(point[2]))
        query = Query(
            text=request.text,
            label=request.label,
            ids=tuple(request.ids),
            near=near,
            radius=request.radius,
            max_results=request.max_results,
            min_score=request.min_score,
            places=tuple(place_condition(place) for place in request.places),
            area=request.area,
        )
        answer = self._engine.query(query)
        matches = answer.matches
        stamp = self._engine.map.newest_stamp_ns
        response.header = header_msg(self._fixed_frame, stamp)
        response.instances = [instance_msg(match.object) for match in matches]
        response.scores = [float(match.score) for match in matches]
        response.total = matches.total
        response.reasons = [match.reason for match in matches]
        for remark in answer.remarks:
            self._throttle.warning(remark, "query: %s", remark)
        response.message = answer.summary

    def _receive_area(self, request: Any) -> Handle:
        pose = self._pose_of(request.header) if request.area.corners else None

        def set_area(request: Any, response: Any) -> None:
            area = request.area
            if area.corners:
                corners = in_fixed_frame(points_of(area.corners), pose)[:, :2]
                if len(corners) == 1:
                    self._engine.places.set_room(area.name, corners[0])
                else:
                    self._engine.places.set_area(Area(area.name, corners))
            elif area.name:
                self._engine.places.remove_area(area.name)
            response.areas = area_msgs(self._engine.state.areas)
            response.message = f"{len(response.areas)} areas"

        return self._if_active(set_area)

    def _receive_approach(self, request: Any) -> Handle:
        given = bool(request.start.header.frame_id)
        pose = self._pose_of(request.start.header)

        def get_approach(request: Any, response: Any) -> None:
            start = in_fixed_frame(points_of([request.start.point]), pose)[0] if given else None
            found = self._engine.places.find_approaches(
                request.id, approach_of_request(request, start)
            )
            stamp_ns = self._engine.map.newest_stamp_ns
            fill_in_approaches(response, found, fixed_frame=self._fixed_frame, stamp_ns=stamp_ns)
            response.message = f"{len(found)} places to look at object {request.id} from"

        return self._if_active(get_approach)

    def _get_object_cloud(self, request: Any, response: Any) -> None:
        item = self._engine.get(request.id)
        radius = float(np.linalg.norm(item.box.size)) / 2 + self._engine.map.grid.voxel_size
        scene = self._engine.map.snapshot(center=item.box.center, radius=radius)
        header = header_msg(self._fixed_frame, scene.stamp_ns)
        response.cloud = cloud_of_object(header, scene, item)
        response.message = f"{response.cloud.width} points of object {item.id} ({item.label})"

    def _get_object_image(self, request: Any, response: Any) -> None:
        item = self._engine.get(request.id)
        views = self._engine.state.best_views.get(item.id, ())
        views = views[: request.max_images or len(views)]
        fill_in_images(
            response, item.id, views, whole=request.whole, fixed_frame=self._fixed_frame
        )
        response.message = f"{len(views)} pictures of object {item.id} ({item.label})"

    def _segment_now(self, request: Any, response: Any) -> None:
        state = self._engine.segment()
        response.message = f"{len(state.objects)} objects in {len(state.scene or ())} voxels"

    def _clear_map(self, request: Any, response: Any) -> None:
        self._engine.clear()
        response.message = "map and objects are forgotten"

    def _save_map(self, request: Any, response: Any) -> None:
        response.objects, response.voxels = self._engine.save(
            request.path, fixed_frame=self._fixed_frame
        )
        response.message = f"saved {response.objects} objects and {response.voxels} voxels"

    def _load_map(self, request: Any, response: Any) -> None:
        report = self._engine.load(
            request.path, fixed_frame=self._fixed_frame, relocalise=request.relocalise
        )
        if report.map_from_file is not None:
            header = header_msg(self._fixed_frame, 0)
            stamped = transform_msg(header, "", report.map_from_file)
            response.map_from_file = stamped.transform
        response.objects, response.voxels = report.objects, report.voxels
        summary = f"loaded {response.objects} objects and {response.voxels} voxels"
        response.message = "; ".join([summary, *report.remarks])

    def _on_clicked_point(self, msg: PointStamped) -> None:
        """RViz's "Publish Point": segment there; the result shows up in the outputs."""
        request = SegmentAtPoints.Request(header=msg.header, points=[msg.point])
        handle = self._receive_click(request)

        def run() -> None:
            answer = answered(handle, request, SegmentAtPoints.Response())
            level = logging.INFO if answer.success else logging.WARNING
            log.log(level, "click: %s", answer.message)

        if not self._engine.jobs.submit(
            Priority.CLICK, run, on_drop=lambda: log.warning("click ignored: cleaned up")
        ):
            log.warning("click ignored: %d requests are waiting", MAX_WAITING)

    # -- plumbing ------------------------------------------------------------------------------

    def _handlers(self) -> dict[str, Handler]:
        def simple(handle: Handle) -> Receive:
            when_active = self._if_active(handle)
            return lambda _: when_active

        receivers: dict[str, tuple[Receive, Priority]] = {
            "query_objects": (self._receive_query, Priority.QUERY),
            "get_approach": (self._receive_approach, Priority.QUERY),
            "get_object_cloud": (simple(self._get_object_cloud), Priority.QUERY),
            "get_object_image": (simple(self._get_object_image), Priority.QUERY),
            "set_area": (self._receive_area, Priority.EDIT),
            "segment_at_points": (self._receive_click, Priority.CLICK),
            "edit_objects": (self._receive_edit, Priority.EDIT),
            "clear_map": (simple(self._clear_map), Priority.EDIT),
            "save_map": (simple(self._save_map), Priority.EDIT),
            "load_map": (simple(self._load_map), Priority.EDIT),
            "segment_now": (simple(self._segment_now), Priority.SEGMENT),
            "set_vocabulary": (simple(self._set_vocabulary), Priority.ENCODE),
        }
        return {
            name: Handler(receive, self._engine.jobs, priority)
            for name, (receive, priority) in receivers.items()
        }

    def _if_active(self, handle: Handle) -> Handle:
        def handle_if_active(request: Any, response: Any) -> None:
            check_active(self._is_active())
            handle(request, response)

        return handle_if_active

    def _pose_of(self, header: Header) -> RequestPose | None:
        """Pose of a request's frame; None for the fixed frame itself."""
        if not header.frame_id or header.frame_id == self._fixed_frame:
            return None
        return RequestPose(
            self._transforms,
            self._fixed_frame,
            header.frame_id,
            stamp_ns(header.stamp) or None,  # zero: the newest
            timeout_s=self._tf_timeout(),
        )
