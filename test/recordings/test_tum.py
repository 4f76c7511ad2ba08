from __future__ import annotations

import logging

import numpy as np
import pytest

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame

POSES = """# stamp tx ty tz qx qy qz qw
100.0 0 0 0 0 0 0 1
100.1 1 0 0 0 0 0 1
100.2 2 0 0 0 0 0.7071068 0.7071068
"""


@pytest.fixture
def folder(tmp_path, save_images, save_camera):
    """Two frames; the third colour image has no depth image near it in time."""
    for name in ("a", "b", "c"):
        save_images(tmp_path / f"rgb/{name}.png", tmp_path / f"depth/{name}.png")
    (tmp_path / "rgb.txt").write_text(
        "# colour\n100.040 rgb/a.png\n100.150 rgb/b.png\n100.190 rgb/c.png\n"
    )
    (tmp_path / "depth.txt").write_text("100.050 depth/a.png\n100.150000001 depth/b.png\n")
    (tmp_path / "groundtruth.txt").write_text(POSES)
    save_camera(tmp_path)
    return tmp_path


def test_frames_have_the_stamp_of_the_depth_image_and_the_pose_at_that_time(folder):
    frames = list(open_recording(folder, up="z").frames())
    assert [frame.stamp_ns for frame in frames] == [100_050_000_000, 100_150_000_001]
    np.testing.assert_allclose(frames[0].map_from_sensor[:3, 3], (0.5, 0, 0))
    half = np.sqrt(0.5)  # 45 degrees, half way through the quarter turn
    np.testing.assert_allclose(frames[1].map_from_sensor[:2, :2], [[half, -half], [half, half]])


def test_frames_before_the_start_are_not_read(folder):
    recording = open_recording(folder, up="z")
    whole = list(recording.frames())
    (folder / "rgb/a.png").write_bytes(b"damaged")
    (second,) = recording.frames(1)
    assert second.stamp_ns == whole[1].stamp_ns
    np.testing.assert_array_equal(second.map_from_sensor, whole[1].map_from_sensor)
    assert list(recording.frames(2)) == []


def test_associations_say_the_same_as_the_two_lists(folder):
    listed = list(open_recording(folder, up="z").frames())
    (folder / "associations.txt").write_text(
        "100.050 depth/a.png 100.040 rgb/a.png\n100.150000001 depth/b.png 100.150 rgb/b.png\n"
    )
    associated = list(open_recording(folder, up="z").frames())
    for one, other in zip(listed, associated, strict=True):
        assert one.stamp_ns == other.stamp_ns
        np.testing.assert_array_equal(one.data.color, other.data.color)
        np.testing.assert_array_equal(one.map_from_sensor, other.map_from_sensor)


def test_depth_counts_fifths_of_a_millimetre_unless_the_camera_file_says_otherwise(
    folder, save_camera
):
    depth = [to_frame(frame).points[0, 2] for frame in open_recording(folder, up="z").frames()]
    np.testing.assert_allclose(depth, 0.2)
    save_camera(folder, depth_unit=0.001)
    depth = [to_frame(frame).points[0, 2] for frame in open_recording(folder, up="z").frames()]
    np.testing.assert_allclose(depth, 1.0)


def test_points_and_colours_lie_pixel_on_pixel(folder):
    frame = to_frame(next(open_recording(folder, up="z").frames()))
    assert frame.grid == (6, 8)
    np.testing.assert_allclose(frame.points[0], (-0.07, -0.05, 0.2), atol=1e-6)
    np.testing.assert_array_equal(frame.colors[-1], (200, 100, 50))


def test_frames_without_a_pose_are_left_out_and_counted(folder, caplog):
    (folder / "groundtruth.txt").write_text("\n".join(POSES.splitlines()[:3]))
    with caplog.at_level(logging.WARNING):
        recording = open_recording(folder, up="z")
    assert len(recording) == len(list(recording.frames())) == 1
    assert "1 of 2 frames have no usable pose" in caplog.text


def test_holes_in_the_trajectory_are_not_bridged(folder):
    (folder / "groundtruth.txt").write_text("99 0 0 0 0 0 0 1\n101 1 0 0 0 0 0 1\n")
    with pytest.raises(RecordingError, match="none of 2 frames has a usable pose"):
        open_recording(folder, up="z")


def test_an_unknown_camera_is_refused_with_what_to_add(folder):
    (folder / "camera.json").unlink()
    with pytest.raises(RecordingError, match=r"add a camera\.json such as"):
        open_recording(folder)


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '{"width": "wide"}', "nonsense"])
def test_a_damaged_camera_file_is_named(folder, text):
    (folder / "camera.json").write_text(text)
    with pytest.raises(RecordingError, match=r"camera\.json cannot be read"):
        open_recording(folder)


def test_a_focal_length_of_zero_is_refused(folder, save_camera):
    save_camera(folder, fx=0)
    with pytest.raises(RecordingError, match="must be positive"):
        open_recording(folder)


def test_images_of_another_size_than_their_camera_are_named(folder, save_images):
    save_images(folder / "rgb/b.png", folder / "depth/b.png", width=9)
    recording = open_recording(folder, up="z")
    with pytest.raises(RecordingError, match=r"b\.png.*\(9, 6\).*\(8, 6\)"):
        list(recording.frames())


def test_a_damaged_image_is_named(folder):
    (folder / "depth/b.png").write_bytes((folder / "depth/b.png").read_bytes()[:45])
    with pytest.raises(RecordingError, match=r"b\.png cannot be read as an image"):
        list(open_recording(folder, up="z").frames())


def test_a_colour_image_in_place_of_depth_is_refused(folder):
    (folder / "depth/a.png").write_bytes((folder / "rgb/a.png").read_bytes())
    with pytest.raises(RecordingError, match="no depth image: expected one channel of 16 bits"):
        list(open_recording(folder, up="z").frames())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("groundtruth.txt", "100.0 0 0 0\n"),
        ("groundtruth.txt", "100.0 0 0 0 0 0 0 0\n"),
        ("groundtruth.txt", "soon 0 0 0 0 0 0 1\n"),
        ("groundtruth.txt", ""),
        ("rgb.txt", "100.0\n"),
        ("depth.txt", ""),
        ("depth.txt", "5.0 depth/a.png\n"),
    ],
)
def test_damaged_lists_are_refused(folder, name, text):
    (folder / name).write_text(text)
    with pytest.raises(RecordingError):
        open_recording(folder, up="z")


def test_real_frames_of_an_office(real_recording):
    recording = open_recording(real_recording("tum_fr1_rpy_14"))
    frames = list(recording.frames())
    assert len(frames) == len(recording) == 14
    assert frames[0].data.camera.fx == 517.3
    stamps = np.array([frame.stamp_ns for frame in frames])
    assert (np.diff(stamps) > 0).all()
    # The list beside the images gives the nearest pose; ours is interpolated, 10 ms apart at most.
    rows = np.loadtxt(
        real_recording("tum_fr1_rpy_14") / "associations_with_pose.txt", usecols=(4, 5, 6)
    )
    positions = np.array([frame.map_from_sensor[:3, 3] for frame in frames])
    assert np.abs(positions - rows).max() < 0.01
