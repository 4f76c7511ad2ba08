"""A running node asked by an agent: `seg3d mcp` in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from typing import Any

import numpy as np
import pytest
from support import toy_room
from support.harness import Robot

from seg3d_ros.node.client import Seg3dClient
from seg3d_ros.sensing.image_decoder import decode_compressed

mcp = pytest.importorskip("mcp", reason="pip install .[agents]")
CRATE = toy_room.BOXES[0]


def test_an_agent_asks_clicks_and_renames(start_node, make_robot) -> None:
    node = start_node(segmentation__period=3600.0)
    robot: Robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(4))
    for _ in range(2):
        assert robot.trigger("seg3d/segment_now").success

    async def talk() -> None:
        server = mcp.StdioServerParameters(
            command=sys.executable,
            args=["-m", "seg3d_ros.cli", "mcp", "--allow-changes"],
            env={**os.environ, "ROS_DOMAIN_ID": str(node.domain)},
        )
        async with mcp.Client(server) as client:

            async def ask(tool: str, **arguments: Any) -> Any:
                result = await client.call_tool(tool, arguments)
                assert not result.is_error, result.content
                return result.structured_content or result.content

            listed = await ask("list_objects")
            assert listed["frame"] == "map" and listed["total"] >= len(toy_room.BOXES)
            top = [*map(float, CRATE.center[:2]), float(CRATE.high[2])]
            made = await ask("click_object", points=[top], name="crate")
            assert np.linalg.norm(np.subtract(made["center"], CRATE.center)) < 0.15
            await ask("rename_object", id=made["id"], name="chest")
            found = await ask("find_objects", text="chests within 3 m of object 1")
            assert found["total"] == (made["id"] != 1)
            (image,) = await ask("get_picture", id=made["id"], whole=True)
            pixels = decode_compressed(base64.b64decode(image.data))
            assert pixels.shape == (toy_room.CAMERA.height, toy_room.CAMERA.width, 3)
            cloud = np.array((await ask("get_cloud", id=made["id"]))["result"])
            assert np.linalg.norm(np.median(cloud[:, :3], axis=0) - CRATE.center) < 0.3
            np.testing.assert_allclose(np.median(cloud[:, 3:], axis=0) * 255, CRATE.color, atol=25)
            assert any("chest" in event for event in (await ask("list_events"))["result"])
            places = (await ask("approach_object", id=made["id"], robot_radius=0.15))["result"]
            assert places and abs(places[0]["position"][2]) < 0.08
            refused = await client.call_tool("get_cloud", {"id": 4_000_000})
            assert refused.is_error and "4000000" in refused.content[0].text

    asyncio.run(talk())
    with Seg3dClient(timeout=30.0, context=robot.node.context) as client:
        assert len(client.query_objects(label="chest")) == 1
        assert any(event.text for event in client.events())
