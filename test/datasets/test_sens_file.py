"""RGB-D frames of ScanNet's .sens files, and what replay reads of them afterwards."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from support.raw_scans import sens_bytes
from support.toy_scannet import write_scannet

from seg3d_ros.datasets.scannet import ScanNet
from seg3d_ros.datasets.scene_frames import recording_of
from seg3d_ros.datasets.sens_file import SensFile
from seg3d_ros.errors import InputError
from seg3d_ros.recordings.redwood import read_redwood

SHAPE = (3, 4)
INTRINSIC = np.array([[5, 0, 1.5, 0], [0, 5, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float32)


def _pose(x):
    pose = np.eye(4, dtype=np.float32)
    pose[0, 3] = x
    return pose


def _depth(number):
    return np.full(SHAPE, 1000 + number, np.uint16)


def sens(poses, **changes):
    """A recording of even colours and depths, 12 pixels each."""
    frames = [
        (pose, np.full((*SHAPE, 3), (10 * number, 0, 0), np.uint8), _depth(number))
        for number, pose in enumerate(poses)
    ]
    return sens_bytes(frames, INTRINSIC, **changes)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "scene.sens"
    lost = np.full((4, 4), -np.inf, np.float32)
    path.write_bytes(sens([_pose(0), _pose(1), lost, _pose(3), _pose(4)]))
    return path


def test_every_second_frame_with_a_pose(path):
    recording = SensFile.open(path)
    np.testing.assert_array_equal(recording.header.intrinsic_depth, INTRINSIC)
    frames = list(recording.read(2))
    assert [frame.number for frame in frames] == [0, 4], "2 has no pose"
    np.testing.assert_array_equal(frames[1].depth, _depth(4))
    np.testing.assert_array_equal(frames[1].world_from_camera, _pose(4))
    assert Image.open(io.BytesIO(frames[1].color)).size == (4, 3)


def test_a_prepared_scene_is_a_recording_in_the_frame_of_its_points(path, tmp_path):
    raw = write_scannet(tmp_path / "raw")
    scan = raw / "scans" / "scene0000_00"
    (scan / "scene0000_00.sens").write_bytes(path.read_bytes())
    dataset = ScanNet(raw, axis_align=True, frames=1)
    folder = tmp_path / "scene0000_00"
    folder.mkdir()
    dataset.read(dataset.scenes().scenes[0]).write(folder)
    frames = list(read_redwood(folder, up="z").frames())
    found = list(recording_of(folder).frames())
    assert len(frames) == len(found) == 4
    for one, other in zip(frames, found, strict=True):
        np.testing.assert_array_equal(one.map_from_sensor, other.map_from_sensor)
    # 1 m along x is 1 m along y after the turn by TURN, whose shift is (5, 6, 7).
    np.testing.assert_allclose(frames[1].map_from_sensor[:3, 3], [5, 7, 7], atol=1e-6)
    np.testing.assert_array_equal(frames[1].data.depth, _depth(1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-5], "cut off"),
        (lambda data: data[:100], "cut off"),
        (lambda data: b"\x05" + data[1:], "version 4"),
        (lambda data: data.replace(zlib.compress(_depth(0).tobytes()), b"x" * 17), "frame 0|cut"),
        (lambda data: sens([_pose(0)], shift=4000.0), "4000 depth units"),
        (lambda data: sens([_pose(0)], name=b"x" * 2000), "version 4"),
    ],
)
def test_damaged_recordings_are_named(path, damage, message):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=rf"scene\.sens.*({message})"):
        list(SensFile.open(path).read(1))


def test_frames_that_are_not_there_are_told(tmp_path):
    dataset = ScanNet(write_scannet(tmp_path), frames=20)
    with pytest.raises(FileNotFoundError, match=r"\.sens is missing.*without frames"):
        dataset.read(dataset.scenes().scenes[0])
