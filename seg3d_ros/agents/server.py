"""Server of a map for agents: tools of the Model Context Protocol (modelcontextprotocol.io).

The package `mcp` reads the annotations of the tools, so that here they are no strings; it is
imported when a server is made, as the rest of the package does without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from seg3d_ros import __version__
from seg3d_ros.agents.world import AgentAnswer, AgentObject, AgentPlace, AgentWorld
from seg3d_ros.errors import InputError
from seg3d_ros.objects.approach import ApproachRequest
from seg3d_ros.objects.query import Query

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

HOST = "127.0.0.1"  # nothing but this machine: the protocol's own HTTP has no password here
_MOST_POINTS = 5000  # of a cloud
_INSTRUCTIONS = """\
Objects that a robot has seen, with ids that stay. Positions are metres in one fixed frame, z up.
find_objects takes phrases ("the cup on the desk", "chairs not next to the table", "how many
chairs are near the door") and other words; each answer says how it was read. Names are guesses:
candidates and get_picture tell more.
"""


def _annotations(*, reads: bool) -> Any:
    """Hints for programs that ask before something is changed."""
    from mcp.types import ToolAnnotations

    destroys = None if reads else False
    return ToolAnnotations(read_only_hint=reads, destructive_hint=destroys, open_world_hint=False)


def make_server(world: AgentWorld, *, allow_changes: bool = False) -> "MCPServer[Any]":
    """Server with the tools of a world.

    Args:
        world: that is asked.
        allow_changes: whether agents may click and rename.
    """
    from mcp.server.mcpserver import MCPServer

    server: MCPServer[Any] = MCPServer(
        "seg3d", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )
    _add_questions(server, world)
    _add_evidence(server, world)
    if allow_changes:
        _add_changes(server, world)
    return server


def serve_http(server: "MCPServer[Any]", port: int) -> None:
    """Serve at http://127.0.0.1:PORT/mcp until interrupted; pages of other origins are refused."""
    from mcp.server.transport_security import TransportSecuritySettings

    names = [f"{name}:*" for name in (HOST, "localhost")]
    security = TransportSecuritySettings(
        allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
    )
    server.run("streamable-http", host=HOST, port=port, transport_security=security)


def _add_questions(server: "MCPServer[Any]", world: AgentWorld) -> None:
    reads = _annotations(reads=True)

    @server.tool(annotations=reads)
    def list_objects(max_results: int = 200) -> AgentAnswer:
        """List the known objects, the surest first."""
        with _told():
            return world.find(Query(max_results=max_results))

    @server.tool(annotations=reads)
    def find_objects(text: str, area: str = "", max_results: int = 10) -> AgentAnswer:
        """Find objects by a phrase about places or by any words, best first.

        Phrases relate labels, areas or "object 7" by on, in, under, above, near, next to, within
        2 m of, between, nearest, farthest from, and not: "the cup on the desk", "how many chairs
        are in the kitchen". `area` is a named part of the map.
        """
        with _told():
            return world.find(Query(text=text, area=area, max_results=max_results))

    @server.tool(annotations=reads)
    def objects_near(
        x: float, y: float, z: float, radius: float = 1.0, max_results: int = 20
    ) -> AgentAnswer:
        """Find objects within a radius of a point, metres, the nearest first."""
        with _told():
            return world.find(Query(near=(x, y, z), radius=radius, max_results=max_results))

    @server.tool(annotations=reads)
    def approach_object(
        id: int,  # noqa: A002 - the word that the answers have for it
        robot_radius: float = 0.3,
        max_distance: float = 1.5,
    ) -> list[AgentPlace]:
        """Places on free floor where a robot can stand to look at an object, best first."""
        with _told():
            request = ApproachRequest(radius=robot_radius, max_distance=max_distance)
            return world.approach(id, request)

    @server.tool(annotations=reads)
    def list_events() -> list[str]:
        """List the newest changes of the objects, oldest first."""
        with _told():
            return list(world.events())


def _add_evidence(server: "MCPServer[Any]", world: AgentWorld) -> None:
    from mcp.server.mcpserver import Image

    reads = _annotations(reads=True)

    @server.tool(annotations=reads)
    def get_picture(id: int, whole: bool = False) -> Image:  # noqa: A002
        """Picture of an object from the camera, its box drawn; `whole`: with all around it."""
        with _told():
            return Image(data=world.picture(id, whole=whole), format="jpeg")

    @server.tool(annotations=reads)
    def get_cloud(id: int, max_points: int = 500) -> list[list[float]]:  # noqa: A002
        """Points of an object, thinned: x, y, z in metres, then red, green and blue, 0 to 1."""
        with _told():
            points, colors = world.points(id)
            wanted = min(max(max_points, 1), _MOST_POINTS)
            step = max(1, -(-len(points) // wanted))
            rows = np.column_stack([points[::step].round(3), colors[::step].round(3)])
            return [[float(value) for value in row] for row in rows]


def _add_changes(server: "MCPServer[Any]", world: AgentWorld) -> None:
    writes = _annotations(reads=False)

    @server.tool(annotations=writes)
    def click_object(
        points: list[list[float]], on_object: list[bool] | None = None, name: str = ""
    ) -> AgentObject:
        """Segment the object at points x, y, z, metres; on_object false: one is beside it."""
        with _told():
            clicks = np.array(points, np.float64).reshape(-1, 3)
            foreground = np.array(on_object or [True] * len(clicks), bool)
            if not len(clicks) or len(foreground) != len(clicks) or not foreground.any():
                raise InputError("give points, an on_object for each, and one of them true")
            return world.click(clicks, foreground, name=name)

    @server.tool(annotations=writes)
    def rename_object(id: int, name: str) -> str:  # noqa: A002
        """Give an object a name that it keeps; an empty one: named by the vocabulary again."""
        with _told():
            return world.rename(id, name)


@contextmanager
def _told() -> Iterator[None]:
    """Tell an agent of what it can mend, in one sentence."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        yield
    except (ValueError, RuntimeError, LookupError, OSError) as error:
        raise ToolError(str(error.args[0]) if error.args else str(error)) from error
