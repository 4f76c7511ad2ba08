"""The topics and services of the README are those of the running node."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from support.harness import wait_until

README = (Path(__file__).parents[2] / "README.md").read_text()
SELF = "/seg3d"
# Of every (lifecycle) node; these words are in the names.
OF_EVERY_NODE = ("parameter", "rosout", "transition", "_state", "_states", "type_description")


def documented(heading: str, column: str) -> set[str]:
    """Names in the first column of the table with that column head, under a heading."""
    part = README.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    part = part.split(f"| {column} |", 1)[1].split("\n\n", 1)[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| ")]
    names = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    return {name.replace("~", SELF) for name in names}


def own(names_and_types: list[tuple[str, list[str]]]) -> set[str]:
    names = {name for name, _ in names_and_types}
    return {name for name in names if not any(word in name for word in OF_EVERY_NODE)}


def test_the_readme_names_every_topic_and_service(start_node, make_robot) -> None:
    node = start_node(input__cameras=["front"])
    robot = make_robot(node.domain).node
    wait_until(lambda: ("seg3d", "/") in robot.get_node_names_and_namespaces(), "the node")
    wait_until(
        lambda: (
            own(robot.get_service_names_and_types_by_node("seg3d", "/"))
            == documented("Services", "service")
        ),
        "the services of the README",
    )
    published = documented("Topics", "published")
    if not importlib.util.find_spec("vision_msgs"):
        published.remove("/seg3d/detections")
    assert own(robot.get_publisher_names_and_types_by_node("seg3d", "/")) == published
    subscribed = {
        "/" + name.replace("NAME", "front").lstrip("/")
        for name in documented("Topics", "subscribed")
        if name not in ("input.point_cloud_topics", "input.cameras", "NAME/color/compressed")
    } | {"/points"}
    assert own(robot.get_subscriber_names_and_types_by_node("seg3d", "/")) == subscribed
