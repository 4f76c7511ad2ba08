"""Every service, answered and refused, over real DDS."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PointStamped
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support import toy_room
from support.harness import TOOL, Robot, wait_until

from seg3d_ros.msg import ErrorCode, Event, EventArray, InstanceArray
from seg3d_ros.msg import Vocabulary as VocabularyMsg
from seg3d_ros.node.conversions import cloud_from_msg, header_msg, point_msg
from seg3d_ros.node.qos import STREAM
from seg3d_ros.sensing.image_decoder import decode_compressed
from seg3d_ros.srv import (
    EditObjects,
    GetObjectCloud,
    GetObjectImage,
    MapFile,
    QueryObjects,
    SegmentAtPoints,
    SetVocabulary,
)

NAN = math.nan
RED, GREEN, BLUE = toy_room.BOXES


def top_of(box: toy_room.ToyBox) -> np.ndarray:
    """Center of the face that every camera sees, map frame."""
    return np.array([box.center[0], box.center[1], box.high[2]])


@pytest.fixture(scope="module")
def robot(robot_in_room: Robot) -> Robot:
    return robot_in_room


def click(robot: Robot, *points: Any, frame: str = "", **fields: Any) -> SegmentAtPoints.Response:
    request = SegmentAtPoints.Request(header=Header(frame_id=frame), **fields)
    request.points = [point_msg(xyz) for xyz in points]
    return robot.call(SegmentAtPoints, "seg3d/segment_at_points", request)


def query(robot: Robot, near: Any = None, frame: str = "", **fields: Any) -> QueryObjects.Response:
    request = QueryObjects.Request(**fields)
    if near is not None:
        request.near = PointStamped(header=Header(frame_id=frame), point=point_msg(near))
    return robot.call(QueryObjects, "seg3d/query_objects", request)


def set_vocabulary(robot: Robot, *labels: str, templates: list[str] | None = None) -> Any:
    request = SetVocabulary.Request(labels=list(labels), prompt_templates=templates or [])
    return robot.call(SetVocabulary, "seg3d/set_vocabulary", request)


def assert_refused(answer: Any, code: int) -> None:
    """A failure has its code, a sentence, and nothing else in it."""
    assert not answer.success
    assert answer.code == code, answer.message
    assert answer.message
    blank = type(answer)(success=False, code=code, message=answer.message)
    assert answer == blank


def distance_to_box(points: np.ndarray, box: toy_room.ToyBox) -> np.ndarray:
    """(N,) metres between points and a toy box, 0 inside."""
    return np.linalg.norm(np.maximum(np.maximum(box.low - points, points - box.high), 0), axis=1)


# -- query_objects, get_object_cloud -----------------------------------------------------------


def test_queries_by_region_id_and_label(robot: Robot) -> None:
    everything = query(robot)
    assert everything.success and everything.header.frame_id == "map"
    assert len(everything.instances) >= len(toy_room.BOXES)
    assert list(everything.scores) == sorted(everything.scores, reverse=True)

    nearest = query(robot, near=top_of(BLUE), radius=0.05, max_results=1).instances[0]
    assert math.dist((nearest.centroid.x, nearest.centroid.y), BLUE.center[:2]) < 0.2
    in_tool = np.linalg.inv(TOOL) @ [*top_of(BLUE), 1.0]
    moved = query(robot, near=in_tool[:3], frame="tool", radius=0.05, max_results=1)
    assert moved.instances[0].id == nearest.id

    assert [i.id for i in query(robot, ids=[nearest.id]).instances] == [nearest.id]
    assert query(robot, ids=[4_000_000_000]).instances == []
    assert len(query(robot, label=" OBJECT ").instances) >= len(toy_room.BOXES)
    assert query(robot, label="chair").instances == []
    assert len(query(robot, max_results=2).instances) == 2
    strict = query(robot, min_score=float(everything.scores[0]))
    assert all(score >= everything.scores[0] for score in strict.scores)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": "something to sit on"}, ErrorCode.NO_EMBEDDINGS),
        ({"text": "a" * 1001}, ErrorCode.INVALID_ARGUMENT),
        ({"text": "\x07"}, ErrorCode.INVALID_ARGUMENT),
        ({"label": "\x1b[31m"}, ErrorCode.INVALID_ARGUMENT),
        ({"radius": -1.0}, ErrorCode.INVALID_ARGUMENT),
        ({"radius": NAN}, ErrorCode.INVALID_ARGUMENT),
        ({"radius": math.inf}, ErrorCode.INVALID_ARGUMENT),
        ({"near": (NAN, 0, 0), "radius": 1.0}, ErrorCode.INVALID_ARGUMENT),
        ({"min_score": 1.5}, ErrorCode.INVALID_ARGUMENT),
        ({"min_score": NAN}, ErrorCode.INVALID_ARGUMENT),
        ({"near": (0, 0, 0), "frame": "nowhere", "radius": 1.0}, ErrorCode.UNKNOWN_FRAME),
    ],
)
def test_queries_that_are_refused(robot: Robot, fields: dict[str, Any], code: int) -> None:
    assert_refused(query(robot, **fields), code)


def test_the_cloud_of_an_object_is_its_points(robot: Robot) -> None:
    item = query(robot, near=top_of(RED), radius=0.05, max_results=1).instances[0]
    answer = robot.call(
        GetObjectCloud, "seg3d/get_object_cloud", GetObjectCloud.Request(id=item.id)
    )
    assert answer.success and answer.cloud.header.frame_id == "map"
    points = cloud_from_msg(answer.cloud).points
    assert len(points) == item.point_count
    # The floor around its foot may be thought to belong to it.
    assert np.median(distance_to_box(points, RED)) < 0.02

    unknown = GetObjectCloud.Request(id=4_000_000_000)
    assert_refused(
        robot.call(GetObjectCloud, "seg3d/get_object_cloud", unknown), ErrorCode.UNKNOWN_ID
    )


def test_pictures_of_an_object_show_it_in_its_box(robot: Robot) -> None:
    item = query(robot, near=top_of(RED), radius=0.05, max_results=1).instances[0]

    def pictures(**fields: Any) -> GetObjectImage.Response:
        request = GetObjectImage.Request(id=item.id, **fields)
        return robot.call(GetObjectImage, "seg3d/get_object_image", request)

    answer = pictures()
    assert answer.success and 1 <= len(answer.images) <= 5
    assert len(answer.images) == len(answer.boxes) == len(answer.camera_poses)
    for image, box in zip(answer.images, answer.boxes, strict=True):
        assert (image.format, image.header.frame_id) == ("jpeg", "map")
        pixels = decode_compressed(image.data)
        inside = pixels[box.y_offset :][: box.height, box.x_offset :][:, : box.width]
        assert np.median(inside, axis=(0, 1)) == pytest.approx(RED.color, abs=15)
    eye = answer.camera_poses[0].position
    assert min(np.linalg.norm(v[:3, 3] - (eye.x, eye.y, eye.z)) for v in toy_room.views(6)) < 0.01

    (whole,) = pictures(whole=True, max_images=1).images
    camera = toy_room.CAMERA
    assert decode_compressed(whole.data).shape == (camera.height, camera.width, 3)
    unknown = GetObjectImage.Request(id=4_000_000_000)
    answer = robot.call(GetObjectImage, "seg3d/get_object_image", unknown)
    assert_refused(answer, ErrorCode.UNKNOWN_ID)


def test_the_overlay_is_the_newest_picture_with_the_objects_painted(robot: Robot) -> None:
    pictures = robot.listen(Image, "seg3d/overlay", STREAM)
    wait_until(lambda: pictures, "an overlay")
    picture = pictures[-1]
    camera = toy_room.CAMERA
    assert (picture.width, picture.height) == (camera.width, camera.height)
    assert picture.encoding == "rgb8"
    pixels = np.frombuffer(picture.data, np.uint8).reshape(camera.height, camera.width, 3)
    _, color = toy_room.cast(toy_room.views(6)[-1])
    changed = (abs(pixels.astype(int) - color) > 20).any(axis=-1)
    assert changed[(color == RED.color).all(axis=-1)].mean() > 0.7


# -- segment_at_points, clicked_point ----------------------------------------------------------


def test_a_click_gives_the_object_under_it(robot: Robot) -> None:
    answer = click(robot, top_of(GREEN), name="box of tea")
    assert answer.success and answer.method == "geometric"
    assert answer.instance.label == "box of tea" and answer.instance.id > 0
    points = cloud_from_msg(answer.cloud).points
    assert len(points) == answer.instance.point_count
    assert distance_to_box(points, GREEN).max() < 0.06
    found = query(robot, label="Box of Tea")
    assert [item.id for item in found.instances] == [answer.instance.id]

    refined = click(robot, top_of(GREEN), name="tea", refine_id=answer.instance.id)
    assert refined.instance.id == answer.instance.id and refined.instance.label == "tea"


def test_what_was_clicked_survives_the_next_automatic_pass(robot: Robot) -> None:
    made = click(robot, top_of(RED), name="toolbox").instance
    assert math.isnan(click(robot, top_of(RED), refine_id=made.id).predicted_iou)
    assert robot.trigger("seg3d/segment_now").success
    (kept,) = query(robot, ids=[made.id]).instances
    assert kept.label == "toolbox" and kept.point_count == made.point_count
    clouds = [
        robot.call(GetObjectCloud, "seg3d/get_object_cloud", GetObjectCloud.Request(id=item.id))
        for item in query(robot, near=top_of(RED), radius=0.3).instances
    ]
    everything = np.concatenate([cloud_from_msg(answer.cloud).points for answer in clouds])
    assert len(np.unique(everything, axis=0)) == len(everything)  # no voxel has two owners


def test_a_click_in_another_frame_is_transformed(robot: Robot) -> None:
    here = click(robot, top_of(BLUE))
    in_tool = np.linalg.inv(TOOL) @ [*top_of(BLUE), 1.0]
    there = click(robot, in_tool[:3], frame="tool", refine_id=here.instance.id)
    assert there.success, there.message
    assert there.cloud.header.frame_id == "map"
    assert there.cloud.data == here.cloud.data


@pytest.mark.parametrize("ahead_s", [0.05, 1e6])
def test_a_click_stamped_later_than_the_transforms_takes_the_newest(
    robot: Robot, ahead_s: float
) -> None:
    stamp = robot.now_ns()
    robot.send_pose(TOOL, "wrist", stamp)
    in_wrist = (np.linalg.inv(TOOL) @ [*top_of(BLUE), 1.0])[:3]

    def click_at(stamp_ns: int) -> SegmentAtPoints.Response:
        header = header_msg("wrist", stamp_ns)
        request = SegmentAtPoints.Request(header=header, points=[point_msg(in_wrist)])
        return robot.call(SegmentAtPoints, "seg3d/segment_at_points", request)

    wait_until(lambda: click_at(stamp).success, "the transform")
    later = click_at(stamp + int(ahead_s * 1e9))
    assert later.success, later.message
    assert_refused(click_at(stamp - 3_600_000_000_000), ErrorCode.UNKNOWN_FRAME)


def test_background_clicks_are_not_in_the_object(robot: Robot) -> None:
    on_floor = np.array([0.2, 0.4, 0.0])
    below_box = np.array([RED.low[0] - 0.15, RED.center[1], 0.0])  # on the floor too
    whole = click(robot, on_floor)
    cut = click(robot, on_floor, below_box, foreground=[True, False], refine_id=whole.instance.id)
    assert whole.success and cut.success, cut.message
    before, after = (cloud_from_msg(answer.cloud).points for answer in (whole, cut))
    assert np.linalg.norm(before - below_box, axis=1).min() < 0.03
    assert np.linalg.norm(after - below_box, axis=1).min() > 0.03
    assert np.linalg.norm(after - on_floor, axis=1).min() < 0.03
    assert len(after) < len(before)


def test_publish_point_in_rviz_segments_there(robot: Robot) -> None:
    arrays = robot.listen(InstanceArray, "seg3d/instances")
    wait_until(lambda: arrays, "the latched instances")
    known, sent = {item.id for item in arrays[-1].instances}, len(arrays)
    robot.publisher(PointStamped, "clicked_point", QoSProfile(depth=10))
    clicked = PointStamped(header=Header(frame_id="tool"))
    clicked.point = point_msg((np.linalg.inv(TOOL) @ [*top_of(RED), 1.0])[:3])
    robot.introduce("clicked_point").publish(clicked)

    wait_until(lambda: len(arrays) > sent, "the objects after the click")
    (item,) = query(robot, near=RED.center, radius=0.01).instances
    assert item.id in known  # the object that was there, seen better
    center = item.pose.position
    assert math.dist((center.x, center.y), RED.center[:2]) < 0.1


@pytest.mark.parametrize(
    ("points", "fields", "code"),
    [
        ([], {}, ErrorCode.INVALID_ARGUMENT),
        ([(0, 0, 0)] * 101, {}, ErrorCode.INVALID_ARGUMENT),
        ([(NAN, 0, 0)], {}, ErrorCode.INVALID_ARGUMENT),
        ([(math.inf, 0, 0)], {}, ErrorCode.INVALID_ARGUMENT),
        ([(1, 1, 0)], {"foreground": [True, False]}, ErrorCode.INVALID_ARGUMENT),
        ([(1, 1, 0)], {"foreground": [False]}, ErrorCode.INVALID_ARGUMENT),
        ([(1, 1, 0)], {"name": "\n"}, ErrorCode.INVALID_ARGUMENT),
        ([(1, 1, 0)], {"name": "x" * 201}, ErrorCode.INVALID_ARGUMENT),
        ([(1, 1, 0)], {"refine_id": 4_000_000_000}, ErrorCode.UNKNOWN_ID),
        ([(1, 1, 0)], {"frame": "nowhere"}, ErrorCode.UNKNOWN_FRAME),
        ([(0, 0, 1)], {}, ErrorCode.NOTHING_THERE),
        ([(1e6, 0, 0)], {}, ErrorCode.NOTHING_THERE),
        ([(1e300, 0, 0)], {}, ErrorCode.NOTHING_THERE),
    ],
)
def test_clicks_that_are_refused(
    robot: Robot, points: list[Any], fields: dict[str, Any], code: int
) -> None:
    known = {item.id for item in query(robot).instances}
    assert_refused(click(robot, *points, **fields), code)
    assert {item.id for item in query(robot).instances} == known


# -- set_vocabulary ----------------------------------------------------------------------------


def test_a_new_vocabulary_is_published_with_the_labels_it_gives(robot: Robot) -> None:
    arrays = robot.listen(InstanceArray, "seg3d/instances")
    vocabularies = robot.listen(VocabularyMsg, "seg3d/vocabulary")
    version = set_vocabulary(robot, "chair", "sofa|couch").version
    assert set_vocabulary(robot, "lamp", templates=["a {} here"]).version == version + 1
    wait_until(lambda: vocabularies and vocabularies[-1].version == version + 1, "the words")
    assert list(vocabularies[-1].labels) == ["lamp"]
    assert list(vocabularies[-1].prompt_templates) == ["a {} here"]
    wait_until(lambda: arrays and arrays[-1].vocabulary_version == version + 1, "the labels")


@pytest.mark.parametrize(
    ("labels", "templates"),
    [
        ([], []),
        ([""], []),
        (["chair", "Chair"], []),
        (["chair", "stool|chair"], []),
        (["a\tb"], []),
        (["x" * 201], []),
        ([f"label {i}" for i in range(10_001)], []),
        (["chair"], ["no place for the word"]),
        (["chair"], ["{} and {}"]),
    ],
)
def test_vocabularies_that_are_refused(
    robot: Robot, labels: list[str], templates: list[str]
) -> None:
    vocabularies = robot.listen(VocabularyMsg, "seg3d/vocabulary")
    version = set_vocabulary(robot, "chair").version
    assert_refused(set_vocabulary(robot, *labels, templates=templates), ErrorCode.INVALID_ARGUMENT)
    assert set_vocabulary(robot, "chair").version == version + 1
    wait_until(lambda: vocabularies and vocabularies[-1].version == version + 1, "the words")


def test_remarks_on_words_come_with_the_answer(robot: Robot) -> None:
    listed = set_vocabulary(robot, "chair,table")
    assert listed.success and "holds commas" in listed.message
    chairs = query(robot, label="chair")
    assert chairs.success and chairs.message.startswith("0 objects; the model gives no embeddings")
    assert_refused(query(robot, text="not a chair"), ErrorCode.INVALID_ARGUMENT)


# -- edit_objects ------------------------------------------------------------------------------


def edit(robot: Robot, operation: int, *ids: int, **fields: Any) -> EditObjects.Response:
    request = EditObjects.Request(operation=operation, ids=list(ids), **fields)
    return robot.call(EditObjects, "seg3d/edit_objects", request)


def test_edits_are_made_told_of_and_undone(robot: Robot) -> None:
    logs = robot.listen(EventArray, "seg3d/events")
    ask = EditObjects.Request
    item = query(robot, near=GREEN.center, radius=0.01).instances[0].id
    made = edit(robot, ask.RENAME, item, name="bench")
    assert made.success and list(made.ids) == [item], made.message
    assert query(robot, ids=[item]).instances[0].label == "bench"
    assert edit(robot, ask.DELETE, item).success
    assert not query(robot, ids=[item]).instances
    assert robot.trigger("seg3d/segment_now").success
    assert not query(robot, ids=[item]).instances
    assert edit(robot, ask.UNDO).success and edit(robot, ask.UNDO).success
    assert query(robot, ids=[item]).instances[0].label != "bench"

    def told() -> list[int]:
        events = logs[-1].events if logs else []
        return [e.kind for e in events if e.id == item and e.provenance == Event.BY_HAND]

    kinds = [Event.EDITED, Event.GONE, Event.EDITED, Event.EDITED]
    wait_until(lambda: told()[-4:] == kinds, "the events of the edits")
    assert "'bench'" in next(e.text for e in logs[-1].events if e.kind == Event.EDITED)


@pytest.mark.parametrize(
    ("operation", "ids", "code"),
    [
        (0, [1], ErrorCode.INVALID_ARGUMENT),
        (99, [1], ErrorCode.INVALID_ARGUMENT),
        (EditObjects.Request.RENAME, [], ErrorCode.INVALID_ARGUMENT),
        (EditObjects.Request.DELETE, [], ErrorCode.INVALID_ARGUMENT),
        (EditObjects.Request.MERGE, [1], ErrorCode.INVALID_ARGUMENT),
        (EditObjects.Request.SPLIT, [1], ErrorCode.INVALID_ARGUMENT),
        (EditObjects.Request.LOCK, [4_000_000], ErrorCode.UNKNOWN_ID),
    ],
)
def test_edits_that_are_refused(robot: Robot, operation: int, ids: list[int], code: int) -> None:
    assert_refused(edit(robot, operation, *ids), code)


# -- save_map, load_map, segment_now, clear_map ------------------------------------------------


def test_a_map_is_saved_cleared_and_loaded(robot: Robot, tmp_path: Path) -> None:
    before = query(robot).instances
    path = str(tmp_path / "folder" / "room.npz")
    saved = robot.call(MapFile, "seg3d/save_map", MapFile.Request(path=path))
    assert saved.success and saved.objects == len(before) and saved.voxels > 1000

    arrays = robot.listen(InstanceArray, "seg3d/instances")
    assert robot.trigger("seg3d/clear_map").success
    wait_until(lambda: arrays and arrays[-1].instances == [], "no object left")
    assert_refused(click(robot, top_of(RED)), ErrorCode.EMPTY_MAP)
    assert not robot.trigger("seg3d/segment_now").success

    loaded = robot.call(MapFile, "seg3d/load_map", MapFile.Request(path=path))
    assert (loaded.objects, loaded.voxels) == (saved.objects, saved.voxels)
    assert query(robot).instances == before
    wait_until(lambda: len(arrays[-1].instances) == len(before), "the objects again")


def test_files_that_are_refused(robot: Robot, tmp_path: Path) -> None:
    known = query(robot).instances
    garbage = tmp_path / "garbage.npz"
    garbage.write_bytes(b"PK\x03\x04 this is no map")
    for path in ("", "\0", str(tmp_path), str(tmp_path / "missing.npz"), str(garbage)):
        answer = robot.call(MapFile, "seg3d/load_map", MapFile.Request(path=path))
        assert_refused(answer, ErrorCode.FILE_ERROR)
    for path in ("", str(tmp_path), str(garbage / "below_a_file.npz"), "/proc/room.npz"):
        answer = robot.call(MapFile, "seg3d/save_map", MapFile.Request(path=path))
        assert_refused(answer, ErrorCode.FILE_ERROR)
    assert query(robot).instances == known


def test_every_service_says_that_the_map_is_empty_or_the_object_unknown(
    start_node, make_robot
) -> None:
    robot = make_robot(start_node().domain)
    now = robot.trigger("seg3d/segment_now")
    assert not now.success and "empty" in now.message
    assert_refused(click(robot, (1, 1, 0)), ErrorCode.EMPTY_MAP)
    assert_refused(click(robot, (1, 1, 0), refine_id=1), ErrorCode.EMPTY_MAP)
    assert query(robot).instances == []
    cloud = robot.call(GetObjectCloud, "seg3d/get_object_cloud", GetObjectCloud.Request(id=1))
    assert_refused(cloud, ErrorCode.UNKNOWN_ID)
    assert robot.trigger("seg3d/clear_map").success
