"""Map file as agents see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seg3d_ros.agents.world import AgentAnswer, AgentObject, AgentPlace
from seg3d_ros.engine.engine import Engine
from seg3d_ros.errors import InputError
from seg3d_ros.objects.approach import ApproachRequest
from seg3d_ros.objects.edits import Rename
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import object_rows
from seg3d_ros.objects.query import Query
from seg3d_ros.pictures.object_picture import picture_of
from seg3d_ros.scene import Bool, Float32, Float64


class MapWorld:
    """Engine with the map of a file; what agents change is written to it at once."""

    def __init__(self, engine: Engine, path: Path, *, fixed_frame: str) -> None:
        """Take an engine that has loaded the map.

        Args:
            engine: with map and words.
            path: of the file.
            fixed_frame: of the map.
        """
        self._engine = engine
        self._path = path
        self._fixed_frame = fixed_frame

    def find(self, query: Query) -> AgentAnswer:
        """Objects that fit a query."""
        answer = self._engine.query(query)
        found = [agent_object(item.object, item.score, item.reason) for item in answer.matches]
        return AgentAnswer(found, answer.matches.total, answer.summary, self._fixed_frame)

    def picture(self, object_id: int, *, whole: bool) -> bytes:
        """JPEG file of the view that shows an object best.

        Raises:
            UnknownObjectError: there is no such object.
            InputError: no picture shows it.
        """
        known = self._engine.get(object_id)
        views = self._engine.state.best_views.get(known.id, ())
        if not views:
            raise InputError(f"no picture of the map shows object {object_id} ({known.label})")
        return picture_of(views[0], object_id, whole=whole).jpeg

    def points(self, object_id: int) -> tuple[Float64, Float32]:
        """Points (N, 3) of an object, metres, and their colours (N, 3) in [0, 1]."""
        known = self._engine.get(object_id)
        scene = self._engine.state.scene or self._engine.map.snapshot()
        rows = object_rows(scene, known)
        return scene.grid.map_from_local(scene.points[rows]), scene.colors[rows]

    def events(self) -> Sequence[str]:
        """Newest events as sentences, oldest first."""
        return [event.sentence() for event in self._engine.state.events]

    def approach(self, object_id: int, request: ApproachRequest) -> list[AgentPlace]:
        """Places to look at an object from, best first."""
        return [
            AgentPlace.rounded(place.position, place.yaw, place.score, place.distance)
            for place in self._engine.places.find_approaches(object_id, request)
        ]

    def click(self, points: Float64, foreground: Bool, *, name: str) -> AgentObject:
        """Segment the object at (K, 3) points, metres, and keep it."""
        made = self._engine.segment_at(points, foreground, name=name).object
        self._save()
        return agent_object(made, made.score)

    def rename(self, object_id: int, name: str) -> str:
        """Name an object; returns a sentence."""
        report = self._engine.edit(Rename(object_id, name))
        self._save()
        return report.message

    def _save(self) -> None:
        self._engine.save(self._path, fixed_frame=self._fixed_frame)


def agent_object(known: MapObject, score: float, reason: str = "") -> AgentObject:
    """Known object as agents see it."""
    return AgentObject(
        id=known.id,
        label=known.label,
        score=round(float(score), 4),
        center=[round(float(value), 3) for value in known.box.center],
        size=[round(float(value), 3) for value in known.box.size],
        yaw=round(known.box.yaw, 4),
        candidates=[candidate.label for candidate in known.candidates],
        reason=reason,
    )
