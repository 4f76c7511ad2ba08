"""Server of a map for agents: tools of the Model Context Protocol (modelcontextprotocol.io)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations

from seg3d_ros import __version__
from seg3d_ros.agents.world import AgentAnswer, AgentObject, AgentPlace, AgentWorld
from seg3d_ros.objects.approach import ApproachRequest
from seg3d_ros.objects.query import Query

HOST = "127.0.0.1"  # nothing but this machine: the protocol's own HTTP has no password here
_MOST_POINTS = 5000  # of a cloud
_INSTRUCTIONS = """\
Objects that a robot has seen, with ids that stay. Positions are metres in one fixed frame, z up.
find_objects takes phrases ("the cup on the desk", "chairs not next to the table", "how many
chairs are near the door") and other words; each answer says how it was read. Names are guesses:
candidates and get_picture tell more.
"""
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)


def make_server(world: AgentWorld, *, allow_changes: bool = False) -> MCPServer[Any]:
    """Server with the tools of a world.

    Args:
        world: that is asked.
        allow_changes: whether agents may click and rename.
    """
    server: MCPServer[Any] = MCPServer(
        "seg3d", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )
    _add_questions(server, world)
    _add_evidence(server, world)
    if allow_changes:
        _add_changes(server, world)
    return server


def serve_http(server: MCPServer[Any], port: int) -> None:
    """Serve at http://127.0.0.1:PORT/mcp until interrupted; pages of other origins are refused."""
    names = [f"{name}:*" for name in (HOST, "localhost")]
    security = TransportSecuritySettings(
        allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
    )
    server.run("streamable-http", host=HOST, port=port, transport_security=security)


def _add_questions(server: MCPServer[Any], world: AgentWorld) -> None:
    @server.tool(annotations=_READS)
    def list_objects(max_results: int = 200) -> AgentAnswer:
        """List the known objects, the surest first."""
        with _told():
            return world.find(Query(max_results=max_results))

    @server.tool(annotations=_READS)
    def find_objects(text: str, area: str = "", max_results: int = 10) -> AgentAnswer:
        """Find objects by a phrase about places or by any words, best first.

        Phrases relate labels, areas or "object 7" by on, in, under, above, near, next to, within
        2 m of, between, nearest, farthest from, and not: "the cup on the desk", "how many chairs
        are in the kitchen". `area` is a named part of the map.
        """
        with _told():
            return world.find(Query(text=text, area=area, max_results=max_results))

    @server.tool(annotations=_READS)
    def objects_near(
        x: float, y: float, z: float, radius: float = 1.0, max_results: int = 20
    ) -> AgentAnswer:
        """Find objects within a radius of a point, metres, the nearest first."""
        with _told():
            return world.find(Query(near=(x, y, z), radius=radius, max_results=max_results))

    @server.tool(annotations=_READS)
    def approach_object(
        id: int,  # noqa: A002 - the word that the answers have for it
        robot_radius: float = 0.3,
        max_distance: float = 1.5,
    ) -> list[AgentPlace]:
        """Places on free floor where a robot can stand to look at an object, best first."""
        with _told():
            request = ApproachRequest(radius=robot_radius, max_distance=max_distance)
            return world.approach(id, request)

    @server.tool(annotations=_READS)
    def list_events() -> list[str]:
        """List the newest changes of the objects, oldest first."""
        with _told():
            return list(world.events())


def _add_evidence(server: MCPServer[Any], world: AgentWorld) -> None:
    @server.tool(annotations=_READS)
    def get_picture(id: int, whole: bool = False) -> Image:  # noqa: A002
        """Picture of an object from the camera, its box drawn; `whole`: with all around it."""
        with _told():
            return Image(data=world.picture(id, whole=whole), format="jpeg")

    @server.tool(annotations=_READS)
    def get_cloud(id: int, max_points: int = 500) -> list[list[float]]:  # noqa: A002
        """Points of an object, thinned: x, y, z in metres, then red, green and blue, 0 to 1."""
        with _told():
            points, colors = world.points(id)
            wanted = min(max(max_points, 1), _MOST_POINTS)
            step = max(1, -(-len(points) // wanted))
            rows = np.column_stack([points[::step].round(3), colors[::step].round(3)])
            return [[float(value) for value in row] for row in rows]


def _add_changes(server: MCPServer[Any], world: AgentWorld) -> None:
    @server.tool(annotations=_WRITES)
    def click_object(
        points: list[list[float]], on_object: list[bool] | None = None, name: str = ""
    ) -> AgentObject:
        """Segment the object at points x, y, z, metres; on_object false: one is beside it."""
        with _told():
            clicks = np.array(points, np.float64).reshape(-1, 3)
            foreground = np.array(on_object or [True] * len(clicks), bool)
            if not len(clicks) or len(foreground) != len(clicks) or not foreground.any():
                raise ToolError("give points, an on_object for each, and one of them true")
            return world.click(clicks, foreground, name=name)

    @server.tool(annotations=_WRITES)
    def rename_object(id: int, name: str) -> str:  # noqa: A002
        """Give an object a name that it keeps; an empty one: named by the vocabulary again."""
        with _told():
            return world.rename(id, name)


@contextmanager
def _told() -> Iterator[None]:
    """Tell an agent of what it can mend, in one sentence."""
    try:
        yield
    except (ValueError, RuntimeError, LookupError, OSError) as error:
        raise ToolError(str(error.args[0]) if error.args else str(error)) from error
