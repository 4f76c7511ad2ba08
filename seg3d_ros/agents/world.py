"""Interface between agents and a map, whether a node runs it or a file holds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from seg3d_ros.objects.approach import ApproachRequest
from seg3d_ros.objects.query import Query
from seg3d_ros.scene import Bool, Float32, Float64


@dataclass(frozen=True)
class AgentObject:
    """Object as an agent sees it.

    Attributes:
        id: stays the same for the life of the object.
        label: its name.
        score: that it was ranked by: similarity to a text, else confidence in the object.
        center: x, y, z of its box, metres, z up.
        size: extents of its box along its own axes, metres.
        yaw: of the box about z, radians.
        candidates: other names that it may have, best first.
        reason: why it is in the place that was asked for.
    """

    id: int
    label: str
    score: float
    center: list[float]
    size: list[float]
    yaw: float
    candidates: list[str] = field(default_factory=list)
    reason: str = ""


@dataclass(frozen=True)
class AgentAnswer:
    """Objects that fit, best first.

    Attributes:
        objects: at most as many as were asked for.
        total: how many fit.
        message: how the question was read, and remarks on its words.
        frame: that positions are in.
    """

    objects: list[AgentObject]
    total: int
    message: str
    frame: str


@dataclass(frozen=True)
class AgentPlace:
    """Place that a robot can look at an object from: x, y, z in metres, yaw in radians."""

    position: list[float]
    yaw: float
    score: float
    distance: float

    @classmethod
    def rounded(
        cls, position: Iterable[float], yaw: float, score: float, distance: float
    ) -> AgentPlace:
        """Place in digits that mean something: millimetres, and a ten-thousandth."""
        xyz = [round(float(value), 3) for value in position]
        return cls(xyz, round(yaw, 4), round(float(score), 4), round(float(distance), 3))


class AgentWorld(Protocol):
    """Map that agents ask. Calls may come from any thread."""

    def find(self, query: Query) -> AgentAnswer:
        """Objects that fit a query."""

    def picture(self, object_id: int, *, whole: bool) -> bytes:
        """JPEG file of the view that shows an object best."""

    def points(self, object_id: int) -> tuple[Float64, Float32]:
        """Points (N, 3) of an object, metres, and their colours (N, 3) in [0, 1]."""

    def events(self) -> Sequence[str]:
        """Newest events as sentences, oldest first."""

    def approach(self, object_id: int, request: ApproachRequest) -> list[AgentPlace]:
        """Places to look at an object from, best first."""

    def click(self, points: Float64, foreground: Bool, *, name: str) -> AgentObject:
        """Segment the object at (K, 3) points, metres, and keep it."""

    def rename(self, object_id: int, name: str) -> str:
        """Name an object; returns a sentence."""
