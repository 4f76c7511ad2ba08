"""The node's page in a real browser, and what it changes over real DDS."""

from __future__ import annotations

import re

import pytest
from support import toy_room
from support.browser import open_page
from support.harness import wait_until

from seg3d_ros.srv import QueryObjects

RED = toy_room.BOXES[0]


def test_a_name_given_on_the_page_is_answered_over_dds(start_node, make_robot, tmp_path) -> None:
    pytest.importorskip("viser", reason="the viewer needs viser: pip install .[viewer]")
    node = start_node(**{"segmentation.period": 3600.0, "viewer.enabled": True, "viewer.port": 0})
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(6))
    for _ in range(2):  # an object is known when it was found twice
        assert robot.trigger("seg3d/segment_now").success
    top = [*RED.center[:2], RED.high[2]]
    request = QueryObjects.Request(radius=0.01)
    request.near.point.x, request.near.point.y, request.near.point.z = top
    found = robot.call(QueryObjects, "seg3d/query_objects", request).instances
    known = max(found, key=lambda item: item.point_count)
    (url,) = re.findall(r"viewer at (http://127\.0\.0\.1:\d+/)", node.output)
    with open_page(tmp_path / "browser") as page:
        page.open(f"{url}?fixedDpr=0.5")
        page.click_text(f"object · {known.id} · {known.score:.2f}")
        page.click_field("New name")
        page.type_text("the red one")
        page.click_text("rename")

        def answered() -> bool:
            request = QueryObjects.Request(label="the red one")
            answer = robot.call(QueryObjects, "seg3d/query_objects", request)
            return [item.id for item in answer.instances] == [known.id]

        wait_until(answered, "the new name over DDS", deadline_s=90.0)
        page.wait_text(f"the red one · {known.id}")


def test_a_viewer_that_cannot_serve_does_not_stop_the_node(start_node) -> None:
    node = start_node(**{"viewer.enabled": True, "viewer.host": "203.0.113.1"})
    assert "no viewer: the viewer cannot serve on 203.0.113.1" in node.output
