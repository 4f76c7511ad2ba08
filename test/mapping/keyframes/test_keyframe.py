"""Keyframes: small, and what they show comes back."""

from dataclasses import replace

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import toy_frame, toy_keyframe

from seg3d_ros.mapping.keyframes.keyframe import (
    COARSE,
    KeyframeViews,
    pack_view,
    view_of,
)
from seg3d_ros.scene import Distortion

POSE = toy_room.views(3)[1]


def test_picture_depth_and_pose_come_back():
    depth, color = toy_room.cast(POSE)
    view = toy_keyframe(POSE, 7).view()
    assert (view.keyframe_id, view.stamp_ns, view.camera) == (7, 10**9, toy_room.CAMERA)
    assert np.array_equal(view.map_from_camera, POSE)
    assert np.array_equal(np.isnan(view.depth), np.isnan(depth))
    assert np.nanmax(abs(view.depth - depth)) <= 0.0005 + 1e-6  # half a millimetre
    assert abs(view.color.astype(int) - color).mean() < 3


def test_the_coarse_depth_is_part_of_the_depth():
    keyframe = toy_keyframe(POSE)
    assert np.array_equal(keyframe.coarse_depth, keyframe.read_depth()[::COARSE, ::COARSE])


def test_the_camera_of_a_cloud_is_estimated():
    frame = toy_frame(POSE)
    view = view_of(replace(frame, camera=None))
    assert view is not None
    assert view.camera.fx == pytest.approx(toy_room.CAMERA.fx, rel=1e-3)
    assert view.camera.cy == pytest.approx(toy_room.CAMERA.cy, abs=0.1)


def test_what_is_no_picture_is_no_view():
    frame = toy_frame(POSE)
    assert view_of(replace(frame, grid=None)) is None
    rings = frame.points[:, [2, 0, 1]]  # as of a lidar: forward is not the third axis
    assert view_of(replace(frame, points=rings, camera=None)) is None


def test_a_distorted_picture_becomes_straight():
    camera = replace(toy_room.CAMERA, distortion=Distortion((0.2, -0.1, 0.0, 0.0, 0.0)))
    frame = replace(toy_frame(POSE), camera=camera)
    view = view_of(frame)
    assert view is not None and view.camera.distortion is None
    assert view.color.shape[:2] == view.depth.shape == (view.camera.height, view.camera.width)
    # The pixel in the middle looks along the axis through any lens.
    row, column = round(view.camera.cy), round(view.camera.cx)
    straight = frame.points[:, 2].reshape(frame.grid)
    assert view.depth[row, column] == pytest.approx(straight[120, 160], abs=0.01)
    assert pack_view(view, 1, source="", sharpness=0.5).view().camera == view.camera


def test_views_are_unpacked_when_they_are_taken():
    damaged = toy_keyframe(POSE, 2, color=b"nothing")
    views = KeyframeViews([toy_keyframe(POSE, 1), damaged])
    assert len(views) == 2 and views[0].keyframe_id == 1
    assert [view.keyframe_id for view in views[:1]] == [1]
    with pytest.raises(ValueError, match="compressed image"):
        views[1]
