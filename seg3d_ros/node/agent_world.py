"""Running node as agents see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seg3d_ros.agents.world import AgentAnswer, AgentObject, AgentPlace
from seg3d_ros.errors import InputError
from seg3d_ros.node.client import Seg3dClient
from seg3d_ros.node.conversions import cloud_from_msg, yaw_of
from seg3d_ros.objects.approach import ApproachRequest
from seg3d_ros.objects.edits import Rename
from seg3d_ros.objects.query import Query
from seg3d_ros.scene import Bool, Float32, Float64


class NodeWorld:
    """Asks a node through its client."""

    def __init__(self, client: Seg3dClient) -> None:
        self._client = client

    def find(self, query: Query) -> AgentAnswer:
        """Objects that fit a query."""
        found = self._client.query_objects(**vars(query))
        objects = [_agent_object(one.instance, one.score, one.reason) for one in found]
        return AgentAnswer(objects, found.total, found.message, found.frame_id)

    def picture(self, object_id: int, *, whole: bool) -> bytes:
        """JPEG file of the view that shows an object best.

        Raises:
            InputError: no picture shows it.
        """
        answer = self._client.get_object_image(object_id, max_images=1, whole=whole)
        if not answer.images:
            raise InputError(f"no picture of the map shows object {object_id}")
        return bytes(answer.images[0].data)

    def points(self, object_id: int) -> tuple[Float64, Float32]:
        """Points (N, 3) of an object, metres, and their colours (N, 3) in [0, 1]."""
        cloud = cloud_from_msg(self._client.get_object_cloud(object_id))
        colors = cloud.colors.astype(np.float32) / np.float32(255)
        return cloud.points.astype(np.float64), colors

    def events(self) -> Sequence[str]:
        """Newest events as sentences, oldest first."""
        return [event.text for event in self._client.events()]

    def approach(self, object_id: int, request: ApproachRequest) -> list[AgentPlace]:
        """Places to look at an object from, best first."""
        answer = self._client.get_approach(
            object_id,
            robot_radius=request.radius,
            robot_height=request.height,
            min_distance=request.min_distance,
            max_distance=request.max_distance,
            camera_height=request.camera_height,
            max_results=request.max_results,
        )
        rows = zip(answer.poses, answer.scores, answer.distances, strict=True)
        return [
            AgentPlace.rounded(_xyz(pose.position), yaw_of(pose), score, distance)
            for pose, score, distance in rows
        ]

    def click(self, points: Float64, foreground: Bool, *, name: str) -> AgentObject:
        """Segment the object at (K, 3) points, metres, and keep it."""
        flags = foreground.tolist()
        made = self._client.segment_at_points(points, foreground=flags, name=name).instance
        return _agent_object(made, made.score)

    def rename(self, object_id: int, name: str) -> str:
        """Name an object; returns a sentence."""
        self._client.edit(Rename(object_id, name))
        return f"object {object_id} is called {name!r}" if name else f"object {object_id} is free"


def _agent_object(instance: Any, score: float, reason: str = "") -> AgentObject:
    size = instance.size
    return AgentObject(
        id=int(instance.id),
        label=instance.label,
        score=round(float(score), 4),
        center=_xyz(instance.pose.position),
        size=[round(value, 3) for value in (size.x, size.y, size.z)],
        yaw=round(yaw_of(instance.pose), 4),
        candidates=list(instance.candidate_labels),
        reason=reason,
    )


def _xyz(point: Any) -> list[float]:
    return [round(value, 3) for value in (point.x, point.y, point.z)]
