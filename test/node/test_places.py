"""Places and areas, asked of a node in another process."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from std_msgs.msg import Header
from support import toy_room
from support.harness import TOOL, Robot

from seg3d_ros.msg import Area, ErrorCode, PlaceCondition
from seg3d_ros.node.client import Seg3dClient
from seg3d_ros.node.conversions import point_msg
from seg3d_ros.objects.edits import Rename
from seg3d_ros.objects.places import PlaceCondition as Condition
from seg3d_ros.srv import MapFile, QueryObjects, SetArea
from seg3d_ros.text.phrases import Relation

NAMES = ("crate", "bench", "tower")  # of the red, green and blue box


@pytest.fixture(scope="module")
def robot(robot_in_room: Robot) -> Robot:
    with Seg3dClient(timeout=30.0, context=robot_in_room.node.context) as client:
        for box, name in zip(toy_room.BOXES, NAMES, strict=True):
            found = client.query_objects(near=box.center, radius=0.01)
            largest = max(found, key=lambda one: one.instance.point_count)
            client.edit(Rename(largest.instance.id, name))
    return robot_in_room


@pytest.fixture
def client(robot: Robot) -> Any:
    with Seg3dClient(timeout=30.0, context=robot.node.context) as client:
        yield client


def labels(found: Any) -> list[str]:
    return [one.instance.label for one in found]


def test_phrases_about_places(client: Seg3dClient) -> None:
    nearest = client.query_objects("the bench nearest the tower")
    assert labels(nearest) == ["bench"] and nearest.total == 1
    assert "read as 'bench' nearest tower" in nearest.message
    assert "m from object" in nearest[0].reason
    between = client.query_objects("things between the crate and the tower")
    assert labels(between)[:1] == ["bench"]
    assert labels(client.query_objects("crates not next to the tower")) == ["crate"]
    assert client.query_objects("how many crates are within 3 m of the bench").total == 1


def test_conditions_rank_and_filter(client: Seg3dClient) -> None:
    crate = client.query_objects(label="crate")[0].instance.id
    ids = [client.query_objects(label=name)[0].instance.id for name in NAMES[1:]]
    found = client.query_objects(ids=ids, places=[Condition(Relation.NEAREST, ids=(crate,))])
    assert labels(found) == ["bench", "tower"]
    away = client.query_objects(
        ids=ids, places=[Condition(Relation.NEAR, label="crate", negated=True, distance=0.9)]
    )
    assert labels(away) == ["tower"]
    plain = client.query_objects(ids=ids)
    assert len(plain) == 2 and plain[0].reason == ""


def test_areas_are_set_listed_saved_and_forgotten(client: Seg3dClient, robot, tmp_path) -> None:
    corners = [(0.7, -0.7), (1.4, -0.7), (1.4, 0.0), (0.7, 0.0)]
    assert [area.name for area in client.set_area("corner", corners)] == ["corner"]
    assert labels(client.query_objects("crates in the corner")) == ["crate"]
    assert labels(client.query_objects(area="Corner", label="bench")) == []
    in_tool = np.linalg.inv(TOOL) @ np.array([(*xy, 0.0, 1.0) for xy in corners]).T
    (moved,) = client.set_area("corner", in_tool.T[:, :2], frame_id="tool")
    np.testing.assert_allclose(moved.corners, corners, atol=1e-6)

    path = str(tmp_path / "areas.map")
    assert robot.call(MapFile, "seg3d/save_map", MapFile.Request(path=path)).success
    assert client.remove_area("CORNER") == ()
    assert robot.call(MapFile, "seg3d/load_map", MapFile.Request(path=path)).success
    assert [area.name for area in client.areas()] == ["corner"]
    client.remove_area("corner")


def test_one_corner_is_the_room_around_it(client: Seg3dClient) -> None:
    (room,) = client.set_area("lab", [(0.5, 0.0)])
    assert all(room.holds(box.center) for box in toy_room.BOXES)
    assert not room.holds(np.array([2.5, 0.0]))  # behind the wall
    assert set(NAMES) <= set(labels(client.query_objects("things in the lab")))
    client.remove_area("lab")


@pytest.mark.parametrize(
    "fields",
    [
        {"area": "attic"},
        {"text": "crates not on the moon"},
        {"places": [PlaceCondition(relation="beneath it all", label="crate")]},
        {"places": [PlaceCondition(relation="on")]},
        {"places": [PlaceCondition(relation="on", ids=[4_000_000])]},
        {"places": [PlaceCondition(relation="nearest", label="crate", negated=True)]},
    ],
)
def test_places_that_are_refused(robot: Robot, fields: dict[str, Any]) -> None:
    request = QueryObjects.Request(**fields)
    answer = robot.call(QueryObjects, "seg3d/query_objects", request)
    assert not answer.success and answer.message
    assert answer.code == ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("area", "frame", "code"),
    [
        (Area(name="x", corners=[point_msg((90, 0, 0))]), "", ErrorCode.INVALID_ARGUMENT),
        (Area(name="x", corners=[point_msg((0, 0, 0))] * 2), "", ErrorCode.INVALID_ARGUMENT),
        (Area(corners=[point_msg(c) for c in np.eye(3)]), "", ErrorCode.INVALID_ARGUMENT),
        (Area(name="never set"), "", ErrorCode.INVALID_ARGUMENT),
        (
            Area(name="x", corners=[point_msg(c) for c in np.eye(3)]),
            "nowhere",
            ErrorCode.UNKNOWN_FRAME,
        ),
    ],
)
def test_areas_that_are_refused(robot: Robot, area: Area, frame: str, code: int) -> None:
    request = SetArea.Request(header=Header(frame_id=frame), area=area)
    answer = robot.call(SetArea, "seg3d/set_area", request)
    assert (answer.success, answer.code) == (False, code), answer.message
