from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.scene import Frame
from seg3d_ros.synthesis.fusion import NONE, LabelledMap, majority


def test_most_votes_win_and_the_smaller_label_of_equals():
    voxels = np.array([0, 0, 0, 2, 2, 3, 3, 3, 3], np.int32)
    labels = np.array([5, 1, 5, 7, 4, NONE, NONE, NONE, 2], np.int32)
    np.testing.assert_array_equal(majority(voxels, labels, count=5), [5, NONE, 4, NONE, NONE])


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 4)), max_size=60))
def test_votes_are_counted_as_by_hand(votes):
    voxels, labels = np.array(votes, np.int32).reshape(-1, 2).T
    expected = np.full(7, NONE)
    for voxel in range(7):
        own = [label for at, label in votes if at == voxel]
        if own:
            expected[voxel] = min(set(own), key=lambda label: (-own.count(label), label))
    np.testing.assert_array_equal(majority(voxels, labels, count=7), expected)


def wall_frame(stamp_ns: int, *, x: float = 0.0) -> Frame:
    """An 80 x 80 cm wall, 1 m before a sensor that looks along the map's x axis, z up."""
    side = np.arange(-0.4, 0.4, 0.008, dtype=np.float32)
    right, down = np.meshgrid(side, side)
    points = np.stack([right, down, np.full_like(right, 1.003)], axis=-1).reshape(-1, 3)
    pose = np.array([[0, 0, 1, x], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
    colors = np.full(points.shape, 128, np.uint8)
    return Frame(points, colors, stamp_ns, pose, grid=right.shape)


def test_voxels_get_the_labels_of_their_points_and_normals_towards_the_camera():
    frame = wall_frame(1)
    labels = (frame.points[:, 0] > 0).astype(np.int32)  # right in the image is -y in the map
    labelled_map = LabelledMap()
    labelled_map.add(frame, labels)
    labelled = labelled_map.to_scene(min_voxels=20)
    scene = labelled.scene
    clear = np.abs(scene.points[:, 1]) > 0.02  # but for the voxels on the border of both
    np.testing.assert_array_equal(labelled.instance[clear], scene.points[clear, 1] < 0)
    inner = (np.abs(scene.points[:, 1:]) < 0.3).all(axis=1)
    assert (scene.normals[inner, 0] < -0.999).all()


def test_later_frames_outvote_earlier_ones_by_number_only():
    labelled_map = LabelledMap()
    for stamp, label in enumerate((3, 8, 8)):
        frame = wall_frame(stamp)
        labelled_map.add(frame, np.full(len(frame.points), label, np.int32))
    assert set(labelled_map.to_scene(min_voxels=20).instance) == {8}


def test_small_instances_and_unmeasured_points_are_none():
    frame = wall_frame(1)
    points = frame.points.copy()
    labels = np.zeros(len(points), np.int32)
    corner = (points[:, :2] > 0.33).all(axis=1)  # 4 x 4 voxels at most
    labels[corner] = 1
    hole = points[:, 0] < -0.2
    points[hole], labels[hole] = np.nan, 2
    labelled_map = LabelledMap()
    labelled_map.add(Frame(points, frame.colors, 1, frame.map_from_sensor, frame.grid), labels)
    labelled = labelled_map.to_scene(min_voxels=20)
    assert set(labelled.instance) == {NONE, 0}
    assert 0 < (labelled.instance == NONE).sum() <= 20
