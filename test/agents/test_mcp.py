"""A map file asked by the protocol's own client, over pipes and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import toy_room
from support.named_boxes import NAMES, write_named_boxes
from support.waiting import wait_until

from seg3d_ros.sensing.image_decoder import decode_compressed

mcp = pytest.importorskip("mcp", reason="pip install .[agents]")

READS = {
    "list_objects", "find_objects", "objects_near", "approach_object", "list_events",
    "get_picture", "get_cloud",
}  # fmt: skip
WRITES = {"click_object", "rename_object"}
RED, GREEN, BLUE = toy_room.BOXES


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return write_named_boxes(tmp_path_factory.mktemp("map"))


def command(map_file: Path, *options: str) -> list[str]:
    geometric = ["--model", "geometric", *options]
    return [sys.executable, "-m", "seg3d_ros.cli", "mcp", str(map_file), *geometric]


def over_pipes(
    map_file: Path, talk: Callable[[Any], Coroutine[Any, Any, None]], *options: str
) -> None:
    """Start the server as an agent's program does, and talk to it."""
    program, *arguments = command(map_file, *options)

    async def run() -> None:
        import os

        server = mcp.StdioServerParameters(command=program, args=arguments, env=dict(os.environ))
        async with mcp.Client(server) as client:
            await talk(client)

    asyncio.run(run())


async def answer_of(client: Any, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refusal_of(client: Any, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return result.content[0].text


def test_an_agent_s_questions_and_mistakes(saved: Path) -> None:
    async def talk(client: Any) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == READS
        assert all(tool.annotations.read_only_hint for tool in tools)
        listed = await answer_of(client, "list_objects")
        assert set(NAMES) <= {known["label"] for known in listed["objects"]}
        assert listed["frame"] == "odom" and listed["total"] == len(listed["objects"])

        found = await answer_of(client, "find_objects", text="the bench nearest the tower")
        (bench,) = found["objects"]
        assert bench["label"] == "bench" and "m from object" in bench["reason"]
        assert np.linalg.norm(np.subtract(bench["center"], GREEN.center)[:2]) < 0.1
        x, y, z = map(float, BLUE.center)
        near = await answer_of(client, "objects_near", x=x, y=y, z=z, radius=0.05)
        assert near["objects"][0]["label"] == "tower"

        picture = await client.call_tool("get_picture", {"id": bench["id"]})
        (image,) = picture.content
        assert image.mime_type == "image/jpeg"
        pixels = decode_compressed(base64.b64decode(image.data))
        assert (abs(pixels.astype(int) - GREEN.color) < 20).all(axis=-1).mean() > 0.1

        cloud = (await answer_of(client, "get_cloud", id=bench["id"], max_points=50))["result"]
        assert 25 <= len(cloud) <= 50
        inside = np.array(cloud)[:, :3]
        assert np.median(np.linalg.norm(inside - GREEN.center, axis=1)) < 0.5
        events = (await answer_of(client, "list_events"))["result"]
        assert any("'bench'" in event for event in events)
        places = await answer_of(client, "approach_object", id=bench["id"], robot_radius=0.15)
        (place, *_) = places["result"]
        assert place["distance"] <= 1.5
        assert all(round(value, 3) == value for value in [*place["position"], place["distance"]])
        await make_mistakes(client)

    over_pipes(saved, talk)


async def make_mistakes(client: Any) -> None:
    """Ask for what the agent can mend, which is told in a sentence."""
    assert "no object has id 4000" in await refusal_of(client, "get_picture", id=4000)
    assert "free text needs a model" in await refusal_of(client, "find_objects", text="soft")
    told = await refusal_of(client, "find_objects", text="not a chair")
    assert "negation" in told
    assert "no area 'attic'" in await refusal_of(client, "find_objects", text="", area="attic")
    told = await refusal_of(client, "rename_object", id=1, name="x")
    assert "rename_object" in told


def test_changes_are_made_where_they_are_allowed_and_are_saved(saved: Path, tmp_path) -> None:
    copy = tmp_path / "room.map"
    copy.write_bytes(saved.read_bytes())
    top = [float(RED.center[0]), float(RED.center[1]), float(RED.high[2])]

    async def change(client: Any) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == READS | WRITES
        clicked = await answer_of(client, "click_object", points=[top], name="red box")
        assert clicked["label"] == "red box"
        told = await answer_of(client, "rename_object", id=clicked["id"], name="chest")
        assert "'chest'" in told["result"]
        assert "on_object" in await refusal_of(client, "click_object", points=[])

    async def look(client: Any) -> None:
        found = await answer_of(client, "find_objects", text="how many chests are there")
        assert found["total"] == 1

    over_pipes(copy, change, "--allow-changes", "--prompt-model", "geometric")
    over_pipes(copy, look)


def test_http_is_for_this_machine_alone(saved: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        command(saved, "--http", str(port)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_until(lambda: listens(port), "the server", deadline_s=60.0)
        asyncio.run(ask_over_http(port))
        assert not listens(port, "127.0.0.2")  # as it would on all interfaces
        foreign = (
            b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n"
            b"Accept: application/json, text/event-stream\r\nContent-Length: 2\r\n\r\n{}"
        )
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(foreign)
            assert b" 421 " in connection.recv(200).splitlines()[0]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


async def ask_over_http(port: int) -> None:
    async with mcp.Client(f"http://127.0.0.1:{port}/mcp") as client:
        found = await answer_of(client, "find_objects", text="crates near the bench")
        assert [known["label"] for known in found["objects"]] == ["crate"]
