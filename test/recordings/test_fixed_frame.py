"""Choice of the frame of a bag that becomes the map."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room
from support.bags import CLOUDS, PLACED, START_S, Event, camera_info, image, transform, write

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame

MOVING = [event for event in PLACED if event[1] == "/tf"]
STATIC = [event for event in PLACED if event[1] == "/tf_static"]


def moving(parent: str, child: str) -> list[Event]:
    return [
        (START_S + t, "/tf", transform(START_S + t, parent, child, t))
        for t in np.arange(0, 1.2, 0.1)
    ]


@pytest.mark.parametrize(
    ("transforms", "chosen"),
    [
        (PLACED, "odom"),
        ([*PLACED, *moving("map", "odom"), *moving("earth", "map")], "map"),
        ([*STATIC, *moving("camera_init", "base_link")], "camera_init"),
        ([*STATIC, *moving("robot1/odom", "base_link"), *moving("map", "other")], "robot1/odom"),
        (STATIC, "base_link"),
    ],
)
def test_the_default_is_the_most_global_frame_above_the_sensor(tmp_path, transforms, chosen):
    recording = open_recording(write(tmp_path / "bag", transforms + CLOUDS))
    assert recording.fixed_frame == chosen
    assert len(list(recording.frames())) == 3


def test_a_still_sensor_without_transforms_is_its_own_map(tmp_path):
    path = write(tmp_path / "bag", CLOUDS)
    with pytest.raises(RecordingError, match="--fixed-frame camera"):
        open_recording(path)
    for name in ("camera", "/camera"):
        frames = list(open_recording(path, fixed_frame=name).frames())
        assert len(frames) == 3
        np.testing.assert_array_equal(frames[0].map_from_sensor, np.eye(4))
    with pytest.raises(RecordingError, match="no frame map; take one of camera"):
        open_recording(path, fixed_frame="map")


def test_a_still_camera_is_turned_upright(tmp_path):
    """Its optical axes point right, down and forward; the map has z up."""
    pose = toy_room.views(3)[1]
    depth, color = toy_room.cast(pose)
    events: list[Event] = [
        (START_S, "/cam/camera_info", camera_info(START_S, toy_room.CAMERA)),
        (START_S, "/cam/depth", image(START_S, "32FC1", depth)),
        (START_S, "/cam/color", image(START_S, "rgb8", color)),
    ]
    (frame,) = map(
        to_frame, open_recording(write(tmp_path / "bag", events), fixed_frame="camera").frames()
    )
    up = frame.map_from_sensor[:3, :3] @ pose[:3, :3].T @ (0, 0, 1)
    np.testing.assert_allclose(up, (0, 0, 1), atol=0.02)


@pytest.mark.parametrize(("transforms", "fixed"), [(PLACED, ""), ([], "camera")])
def test_frames_from_a_start_lie_where_they_do_among_all(tmp_path, transforms, fixed):
    """The first frame turns the map of a sensor without transforms upright."""
    recording = open_recording(write(tmp_path / "bag", transforms + CLOUDS), fixed_frame=fixed)
    for whole, read in zip(list(recording.frames())[1:], recording.frames(1), strict=True):
        assert read.stamp_ns == whole.stamp_ns
        np.testing.assert_array_equal(read.map_from_sensor, whole.map_from_sensor)


def test_a_folder_has_no_frames_to_choose_from(tmp_path):
    with pytest.raises(RecordingError, match="is no bag"):
        open_recording(tmp_path, fixed_frame="map")
