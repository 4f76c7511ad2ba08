from __future__ import annotations

import logging

import numpy as np
import pytest

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame
from seg3d_ros.scene import Camera

TURNED = np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]])
LOG = "".join(
    f"{n} {n} {n + 1}\n" + "\n".join(" ".join(map(str, row)) for row in pose) + "\n"
    for n, pose in enumerate((np.eye(4), TURNED))
)


@pytest.fixture
def folder(tmp_path, save_images, save_camera):
    for number in range(2):
        save_images(
            tmp_path / f"color/{number:05}-0.png",
            tmp_path / f"depth/{number:05}-7.png",
            value=1000 + number,
        )
    save_camera(tmp_path)
    return tmp_path


def test_trajectory_log(folder):
    (folder / "trajectory.log").write_text(LOG)
    recording = open_recording(folder, up="z")
    frames = list(recording.frames())
    assert recording.rate_hz == pytest.approx(5)
    assert [frame.stamp_ns for frame in frames] == [0, 200_000_000]
    np.testing.assert_array_equal(frames[1].map_from_sensor, TURNED)
    assert [to_frame(frame).points[0, 2] for frame in frames] == pytest.approx([1.0, 1.001])


@pytest.mark.parametrize("name", ["frame-{:06}.pose.txt", "poses/{:05}.txt", "pose/{}.txt"])
def test_one_matrix_an_image(folder, name):
    for number, pose in enumerate((np.eye(4), TURNED)):
        path = folder / name.format(number)
        path.parent.mkdir(exist_ok=True)
        np.savetxt(path, pose)
    frames = list(open_recording(folder, up="z").frames())
    np.testing.assert_allclose(frames[1].map_from_sensor, TURNED)


@pytest.mark.parametrize("prefix", ["", "{0}.5 ", "000{0} {0}.5 "])
def test_lists_of_poses(folder, prefix):
    lines = [prefix.format(n) + f"{n} 0 0 0 0 0.7071068 0.7071068\n" for n in range(2)]
    (folder / "pose.txt").write_text("".join(lines))
    frames = list(open_recording(folder, up="z").frames())
    assert [frame.map_from_sensor[0, 3] for frame in frames] == [0, 1]
    np.testing.assert_allclose(frames[1].map_from_sensor[:3, 0], (0, 1, 0), atol=1e-6)
    expected = [500_000_000, 1_500_000_000] if prefix else [0, 200_000_000]
    assert [frame.stamp_ns for frame in frames] == expected


def test_images_and_poses_in_one_folder(tmp_path, save_images):
    folder = tmp_path / "seq-01"
    for number in range(2):
        stem = f"frame-{number:06}"
        save_images(folder / f"{stem}.color.png", folder / f"{stem}.depth.png")
        np.savetxt(folder / f"{stem}.pose.txt", TURNED)
    (tmp_path / "camera-intrinsics.txt").write_text("10 0 3.5\n0 10 2.5\n0 0 1\n")
    frames = list(open_recording(folder, up="z").frames())
    assert len(frames) == 2
    assert frames[0].data.camera == Camera(8, 6, 10.0, 10.0, 3.5, 2.5)


def test_lost_tracking_leaves_frames_out(folder, caplog):
    np.savetxt(folder / "0.pose.txt", np.full((4, 4), -np.inf))
    np.savetxt(folder / "1.pose.txt", TURNED)
    with caplog.at_level(logging.WARNING):
        frames = list(open_recording(folder, up="z").frames())
    assert [frame.stamp_ns for frame in frames] == [200_000_000]
    assert "1 of 2 frames" in caplog.text


def test_a_camera_with_y_up_gives_the_mirror_image_of_its_left_handed_world(folder, save_camera):
    save_camera(folder, fy=-10)
    np.savetxt(folder / "0.pose.txt", np.eye(4))
    np.savetxt(folder / "1.pose.txt", TURNED)
    frame = to_frame(list(open_recording(folder, up="z").frames())[1])
    assert np.linalg.det(frame.map_from_sensor[:3, :3]) == pytest.approx(1)
    ours = frame.points @ frame.map_from_sensor[:3, :3].T + frame.map_from_sensor[:3, 3]
    v, u = np.mgrid[0:6, 0:8].reshape(2, -1)
    z = 1.001
    theirs = np.stack([(u - 3.5) / 10 * z, (v - 2.5) / -10 * z, np.full(48, z)], axis=1)
    theirs = theirs @ TURNED[:3, :3].T + TURNED[:3, 3]
    np.testing.assert_allclose(ours, theirs * (1, -1, 1), atol=1e-5)


def test_images_without_poses_are_refused_with_what_to_add(folder):
    with pytest.raises(RecordingError, match=r"no poses: add a trajectory\.log"):
        open_recording(folder)


def test_too_few_poses_are_refused(folder):
    (folder / "trajectory.log").write_text("\n".join(LOG.splitlines()[:5]))
    with pytest.raises(RecordingError, match="1 poses for 2 images"):
        open_recording(folder)


def test_two_images_with_one_number_are_refused(folder, save_images):
    save_images(folder / "color/00001-1.png", folder / "depth/00009.png")
    with pytest.raises(RecordingError, match="the same number"):
        open_recording(folder)


@pytest.mark.parametrize("text", ["0 0 1\n1 0 0 0\n", "0 0 1\n" + "1 0 0 x\n" * 4, "\xff"])
def test_a_damaged_log_is_refused(folder, text):
    (folder / "trajectory.log").write_text(text, encoding="latin-1")
    with pytest.raises(RecordingError, match=r"trajectory\.log"):
        open_recording(folder)


def test_real_cabinet_stands_where_its_authors_measured_it(real_recording):
    path = real_recording("tum_fr3_cabinet_10")
    truth = np.loadtxt(path / "truth_objects.txt")
    recording = open_recording(path)
    assert recording.rate_hz < 1  # key frames, seconds apart, with stamps of their own
    points = []
    for recorded in recording.frames():
        frame = to_frame(recorded)
        pose = frame.map_from_sensor
        points.append(frame.points @ pose[:3, :3].T + pose[:3, 3])
    cloud = np.concatenate(points)
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    cosine, sine = np.cos(truth[3]), np.sin(truth[3])
    local = (cloud - truth[:3]) @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    top = (np.abs(local[:, :2]) < truth[4:6] - 0.05).all(axis=1) & (local[:, 2] > 0.1)
    assert np.median(local[top, 2]) == pytest.approx(truth[6], abs=0.03)
