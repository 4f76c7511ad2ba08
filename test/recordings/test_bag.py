from __future__ import annotations

import logging

import numpy as np
import pytest
from support.bags import (
    CLOUDS,
    HEIGHT,
    PLACED,
    START_S,
    WIDTH,
    Event,
    camera_info,
    cloud,
    color,
    depth,
    image,
    jpeg,
    transform,
    write,
)

from seg3d_ros.recordings.bag_topics import CameraTopics, CloudTopic, choose_topics
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_clouds_are_placed_by_the_transforms_at_their_own_stamps(tmp_path, storage):
    recording = open_recording(write(tmp_path / "bag", PLACED + CLOUDS, storage=storage))
    frames = list(recording.frames())
    assert len(recording) == len(frames) == 3
    assert [frame.stamp_ns for frame in frames] == [
        1000_250_000_000,
        1000_500_000_000,
        1000_750_000_000,
    ]
    positions = [frame.map_from_sensor[0, 3] for frame in frames]
    np.testing.assert_allclose(positions, [12.5, 15, 17.5])
    frame = to_frame(frames[0])
    np.testing.assert_array_equal(frame.points[:, 0], np.arange(5))
    np.testing.assert_array_equal(frame.colors[0], (0x10, 0x20, 0x30))


def test_a_single_mcap_file_reads_like_its_folder(tmp_path):
    folder = write(tmp_path / "bag", PLACED + CLOUDS)
    (file,) = folder.glob("*.mcap")
    both = [list(open_recording(path).frames()) for path in (folder, file)]
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one.map_from_sensor, other.map_from_sensor)
        np.testing.assert_array_equal(one.data.points, other.data.points)


def camera_events(stamps: dict[str, list[float]], make_color=color) -> list[Event]:
    topics = {"depth": depth, "color": make_color}
    messages = [
        (START_S + t, f"/cam/{kind}", topics[kind](START_S + t, 10 * n + 100))
        for kind, times in stamps.items()
        for n, t in enumerate(times)
    ]
    return [*PLACED, (START_S, "/cam/camera_info", camera_info(START_S)), *messages]


def test_depth_takes_the_nearest_colour_image_and_gives_up_without_one(tmp_path):
    stamps = {"depth": [0.10, 0.20, 0.30, 0.40], "color": [0.108, 0.199, 0.212, 0.35, 0.405]}
    frames = list(open_recording(write(tmp_path / "bag", camera_events(stamps))).frames())
    assert [round(frame.stamp_ns * 1e-9 - START_S, 3) for frame in frames] == [0.1, 0.2, 0.4]
    assert [frame.data.color[0, 0, 0] for frame in frames] == [100, 110, 140]
    assert [frame.data.depth[0, 0] for frame in frames] == [100, 110, 130]
    np.testing.assert_allclose(to_frame(frames[0]).points[0], (-0.015, -0.01, 0.1), atol=1e-6)


def test_compressed_colour(tmp_path):
    stamps = {"depth": [0.1, 0.2], "color": [0.1, 0.2]}
    recording = open_recording(write(tmp_path / "bag", camera_events(stamps, jpeg)))
    assert [frame.data.color[1, 1, 1] for frame in recording.frames()] == [100, 110]


def test_colour_and_depth_of_different_sizes_are_refused(tmp_path):
    events = camera_events({"depth": [0.1], "color": []})
    large = image(START_S + 0.1, "rgb8", np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8))
    recording = open_recording(write(tmp_path / "bag", [*events, (START_S, "/cam/color", large)]))
    with pytest.raises(RecordingError, match=r"/cam/depth at .* differ in size"):
        list(recording.frames())


def test_several_sources_are_listed_and_one_can_be_chosen(tmp_path):
    events = camera_events({"depth": [0.1], "color": [0.1]}) + CLOUDS
    path = write(tmp_path / "bag", events)
    with pytest.raises(RecordingError, match=r"several sources: .*; choose one with --topic"):
        open_recording(path)
    assert len(list(open_recording(path, topic="/points").frames())) == 3
    assert len(list(open_recording(path, topic="/cam/depth").frames())) == 1
    with pytest.raises(RecordingError, match="'/cam/color' is no cloud or depth camera"):
        open_recording(path, topic="/cam/color")


def test_a_bag_without_frames_lists_what_it_holds(tmp_path):
    with pytest.raises(RecordingError, match=r"neither a PointCloud2 nor .* /tf"):
        open_recording(write(tmp_path / "bag", PLACED))


def test_a_bag_without_transforms_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="record /tf and /tf_static"):
        open_recording(write(tmp_path / "bag", CLOUDS))


def test_the_fixed_frame_can_be_chosen_and_must_exist(tmp_path):
    path = write(tmp_path / "bag", PLACED + CLOUDS)
    frames = list(open_recording(path, fixed_frame="base_link").frames())
    np.testing.assert_allclose([frame.map_from_sensor[0, 3] for frame in frames], 10)
    with pytest.raises(RecordingError, match=r"no frame earth; .* base_link, camera, odom"):
        open_recording(path, fixed_frame="earth")


def test_frames_outside_the_transforms_are_left_out_and_counted(tmp_path, caplog):
    early = [(START_S - 1, "/points", cloud(START_S - 1))]
    recording = open_recording(write(tmp_path / "bag", PLACED + CLOUDS + early))
    with caplog.at_level(logging.WARNING):
        assert len(list(recording.frames())) == 3
    assert "1 frames left out" in caplog.text


def test_when_no_frame_can_be_placed_the_reason_is_given(tmp_path):
    apart = [(START_S, "/tf", transform(START_S + t, "odom", "wheel", 1.0)) for t in (0.0, 1.0)]
    recording = open_recording(write(tmp_path / "bag", apart + CLOUDS))
    with pytest.raises(RecordingError, match=r"no frame can be placed: .*camera"):
        list(recording.frames())


def test_a_damaged_cloud_is_named(tmp_path):
    message = cloud(START_S + 0.3)
    message.point_step = 3
    path = write(tmp_path / "bag", [*PLACED, (START_S + 0.3, "/points", message)])
    with pytest.raises(RecordingError, match=r"/points at 1000300000000 ns: "):
        list(open_recording(path).frames())


@pytest.mark.parametrize("keep", [0, 10, 400])
def test_a_file_cut_short_is_refused(tmp_path, keep):
    (file,) = write(tmp_path / "bag", PLACED + CLOUDS).glob("*.mcap")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(RecordingError, match=r"cannot be read as a bag"):
        list(open_recording(file).frames())


def test_topics_of_a_usual_camera_driver():
    image_type, info_type = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
    types = {
        "/camera/color/image_raw": image_type,
        "/camera/color/image_raw/compressed": "sensor_msgs/msg/CompressedImage",
        "/camera/color/camera_info": info_type,
        "/camera/aligned_depth_to_color/image_raw": image_type,
        "/camera/aligned_depth_to_color/camera_info": info_type,
        "/camera/infra1/image_rect_raw": image_type,
    }
    assert choose_topics(types, "") == CameraTopics(
        "/camera/aligned_depth_to_color/image_raw",
        "/camera/color/image_raw",
        "/camera/aligned_depth_to_color/camera_info",
        "/camera/color/camera_info",
    )
    assert choose_topics({"/points": "sensor_msgs/msg/PointCloud2"}, "") == CloudTopic("/points")


def test_a_transform_that_is_none_is_left_out(tmp_path, caplog):
    broken = transform(START_S + 0.5, "odom", "base_link", float("nan"))
    path = write(tmp_path / "bag", [*PLACED, *CLOUDS, (START_S + 0.5, "/tf", broken)])
    with caplog.at_level(logging.WARNING):
        assert len(list(open_recording(path).frames())) == 3
    assert "transform odom → base_link left out" in caplog.text
