"""Tours through rooms with boxes for furniture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("open3d", reason="ray casting needs Open3D: pip install .[train]")

from support.box_rooms import ROOM, load_cube

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.recordings.truth import open_truth
from seg3d_ros.sensing.transforms import check_rigid
from seg3d_ros.synthesis.odometry import with_odometry_drift
from seg3d_ros.synthesis.tour import Carried, Visit, scan_tour, write_tour
from seg3d_ros.synthesis.walk import camera_pose

CARRIED = Carried(0, replace(ROOM.placed[0], x=0.6, y=0.7, turn_deg=0.0))
VISITS = [Visit(0), Visit(0, (CARRIED,))]
CUP_GONE = replace(ROOM, placed=ROOM.placed[:1])


def tour(pose_noise: float = 0.0):
    rng = np.random.default_rng(3)
    return scan_tour([CUP_GONE], VISITS, load_cube, rng, pose_noise=pose_noise)


@pytest.fixture(scope="module")
def exact():
    return tour()


@pytest.fixture(scope="module")
def written(exact, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tours") / "tour"
    write_tour(folder, exact, ["table", "wall"])
    return folder


def test_labelled_points_of_the_carried_thing_lie_where_it_stands(written):
    truth, recording = open_truth(written), open_recording(written)
    (move,) = truth.moves
    assert truth.names[move.number] == "table"
    np.testing.assert_allclose(move.start, (1.5, 1.8, 0.0), atol=1e-6)
    np.testing.assert_allclose(move.end, (0.6, 0.7, 0.0), atol=1e-6)
    seen = 0
    for recorded in recording.frames():
        frame = to_frame(recorded)
        pose, labels = frame.map_from_sensor, truth.labels(frame)
        rows = (labels == move.number) & np.isfinite(frame.points).all(axis=1)
        points = frame.points[rows] @ pose[:3, :3].T + pose[:3, 3]
        place = move.end if recorded.stamp_ns >= move.stamp_ns else move.start
        assert (np.linalg.norm(points[:, :2] - place[:2], axis=1) < 0.45).all()
        seen += len(points)
    assert seen > 1000


def test_noise_changes_the_believed_poses_alone(exact):
    noisy = tour(pose_noise=0.05)
    for one, other in zip(exact.scan.frames, noisy.scan.frames, strict=True):
        np.testing.assert_array_equal(one.data.depth, other.data.depth)
    gaps = [
        np.linalg.norm(one.map_from_sensor[:3, 3] - other.map_from_sensor[:3, 3])
        for one, other in zip(exact.scan.frames, noisy.scan.frames, strict=True)
    ]
    assert gaps[0] == 0 and max(gaps) > 0.02


def test_drift_grows_with_the_root_of_the_way():
    poses = [camera_pose(np.array([0.1 * k, 0.0, 1.2]), 0.0, 0.0, 0.0) for k in range(101)]
    ends = []
    for seed in range(200):
        believed = with_odometry_drift(poses, 0.02, np.random.default_rng(seed))
        check_rigid(believed[-1], "pose")
        ends.append(believed[-1][:3, 3] - poses[-1][:3, 3])
    # 10 m: 0.02 √10 m along x and y, 0.3 of that along z.
    np.testing.assert_allclose(
        np.std(ends, axis=0), 0.02 * np.sqrt(10) * np.array([1, 1, 0.3]), rtol=0.2
    )
