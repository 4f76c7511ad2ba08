"""Requests that nobody would send are answered, and harm nothing."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Point, PointStamped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from support import toy_room
from support.harness import Robot

from seg3d_ros.msg import ErrorCode
from seg3d_ros.srv import GetObjectCloud, MapFile, QueryObjects, SegmentAtPoints, SetVocabulary

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
FLOAT32 = st.floats(width=32)
COORDINATES = st.floats(-3, 3) | NUMBERS
POINTS = st.builds(Point, x=COORDINATES, y=COORDINATES, z=COORDINATES)
TEXTS = st.text(max_size=30)
HEADERS = st.builds(Header, frame_id=st.sampled_from(["", "map", "tool", "/map", "nowhere"]))
IDS = st.integers(0, 2**32 - 1) | st.integers(0, 10)
REQUESTS = st.one_of(
    st.tuples(
        st.just((SetVocabulary, "set_vocabulary")),
        st.builds(
            SetVocabulary.Request,
            labels=st.lists(TEXTS, max_size=5),
            prompt_templates=st.lists(TEXTS | st.just("a {}"), max_size=2),
        ),
    ),
    st.tuples(
        st.just((SegmentAtPoints, "segment_at_points")),
        st.builds(
            SegmentAtPoints.Request,
            header=HEADERS,
            points=st.lists(POINTS, max_size=3),
            foreground=st.lists(st.booleans(), max_size=3),
            refine_id=IDS,
            name=TEXTS,
        ),
    ),
    st.tuples(
        st.just((QueryObjects, "query_objects")),
        st.builds(
            QueryObjects.Request,
            text=TEXTS,
            label=TEXTS,
            ids=st.lists(IDS, max_size=3),
            near=st.builds(PointStamped, header=HEADERS, point=POINTS),
            radius=FLOAT32,
            max_results=IDS,
            min_score=FLOAT32,
        ),
    ),
    st.tuples(
        st.just((GetObjectCloud, "get_object_cloud")), st.builds(GetObjectCloud.Request, id=IDS)
    ),
    st.tuples(
        st.just((MapFile, "load_map")), st.builds(MapFile.Request, path=TEXTS.map("?".__add__))
    ),
    st.just(((Trigger, "segment_now"), Trigger.Request())),
)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=REQUESTS)
def test_any_request_is_answered(robot_in_room: Robot, request: tuple[Any, Any]) -> None:
    robot = robot_in_room
    (kind, name), content = request
    answer = robot.call(kind, f"seg3d/{name}", content)
    assert answer.message
    if kind is not Trigger:
        assert answer.success == (answer.code == ErrorCode.NONE)
        assert answer.code != ErrorCode.INTERNAL, answer.message
    assert query(robot).success


def test_the_map_outlives_them_all(robot_in_room: Robot) -> None:
    assert robot_in_room.trigger("seg3d/segment_now").success
    assert len(query(robot_in_room).instances) >= len(toy_room.BOXES)


def query(robot: Robot) -> QueryObjects.Response:
    return robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request())
