"""`seg3d mcp`: a map for language models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.named_map import open_named_map
from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options

if TYPE_CHECKING:
    from seg3d_ros.agents.world import AgentWorld

INSTALL = 'pip install "mcp>=2.3"'
_NO_ROS = "no ROS 2 is here ({}): source one to reach a node, or give a map file"


@click.command(cls=WordsCommand, offered=("text", "prompt.model"))
@click.argument(
    "map_file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
@words_options
@click.option("--model", default="mini", show_default=True, help="Of MAP_FILE: whose embeddings.")
@click.option("--node", default="/seg3d", show_default=True, help="Node to ask without MAP_FILE.")
@click.option(
    "--http", "port", type=click.IntRange(1, 65535), metavar="PORT",
    help="Serve http://127.0.0.1:PORT/mcp in place of stdin and stdout.",
)  # fmt: skip
@click.option("--allow-changes", is_flag=True, help="Agents may click and rename objects.")
def mcp(
    map_file: Path | None,
    labels: tuple[str, ...],
    vocabulary: str | None,
    model: str,
    node: str,
    port: int | None,
    allow_changes: bool,
    settings: dict[str, Any],
) -> None:
    """Serve the objects of a running node, or of MAP_FILE, to agents (Model Context Protocol).

    Over stdin and stdout, for programs that start it; or over HTTP on this machine alone.
    """
    from seg3d_ros.packages import require_packages

    with one_line_errors():
        require_packages("seg3d mcp", ("mcp",), install=INSTALL)
        from seg3d_ros.agents.server import make_server, serve_http

        words = chosen_words(labels, vocabulary)
        opened = _node_world(node) if map_file is None else _map_world(
            map_file, words, model, settings
        )  # fmt: skip
        with opened as world:
            server = make_server(world, allow_changes=allow_changes)
            if port is None:
                server.run()
            else:
                serve_http(server, port)


@contextmanager
def _map_world(
    path: Path, words: list[str], model: str, settings: dict[str, Any]
) -> Iterator[AgentWorld]:
    from seg3d_ros.agents.map_world import MapWorld

    engine, meta = open_named_map(path, words, model, settings)
    yield MapWorld(engine, path, fixed_frame=meta.fixed_frame)


@contextmanager
def _node_world(name: str) -> Iterator[AgentWorld]:
    try:
        import rclpy

        from seg3d_ros.node.agent_world import NodeWorld
        from seg3d_ros.node.client import Seg3dClient
    except ImportError as error:
        raise ImportError(_NO_ROS.format(error)) from error
    rclpy.init()
    try:
        with Seg3dClient(name, timeout=60.0) as client:
            yield NodeWorld(client)
    finally:
        rclpy.try_shutdown()
