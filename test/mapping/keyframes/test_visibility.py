"""Points of an object in a picture: where they are, and which of them it shows."""

import numpy as np
from support import toy_room
from support.toy_frames import box_surface, toy_keyframe

from seg3d_ros.mapping.keyframes.visibility import project, visible_mask

BOX = toy_room.BOXES[0]
POSE = toy_room.looking_at((-0.9, -0.4, 0.9), (1.0, -0.4, 0.25))


def test_points_fall_on_the_pixels_they_were_cast_from():
    depth, _ = toy_room.cast(POSE)
    camera = toy_room.CAMERA
    v, u = np.mgrid[20:220:37, 10:310:41]
    z = depth[v, u].ravel()
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy], -1).reshape(-1, 2)
    points = np.column_stack([rays * z[:, None], z]) @ POSE[:3, :3].T + POSE[:3, 3]
    found = project(points[np.isfinite(z)], toy_keyframe(POSE))
    assert np.allclose(found.u, u.ravel()[np.isfinite(z)], atol=1e-3)
    assert np.allclose(found.v, v.ravel()[np.isfinite(z)], atol=1e-3)
    assert found.visible.all()


def test_the_back_of_a_box_is_hidden_and_the_front_is_seen():
    points = box_surface(BOX)
    found = project(points, toy_keyframe(POSE))
    inner = (abs(points - BOX.center) < (np.array(BOX.high) - BOX.low) / 2 - 0.05).sum(axis=1) == 2
    front = inner & (points[:, 0] == BOX.low[0])
    back = inner & (points[:, 0] > BOX.high[0] - 0.01)
    assert front.any() and found.visible[front].all()
    assert back.any() and not found.visible[back].any()


def test_what_another_thing_hides_is_not_seen():
    screen = toy_room.ToyBox((0.2, -1.0, 0.0), (0.25, 0.2, 1.5), (9, 9, 9))
    blocked, clear = toy_keyframe(POSE, boxes=(BOX, screen)), toy_keyframe(POSE)
    points = box_surface(BOX)
    assert project(points, clear).visible.mean() > 0.3
    assert not project(points, blocked).visible.any()


def test_behind_the_camera_is_nowhere():
    found = project(POSE[:3, 3] - POSE[:3, 2] * [[1.0], [0.0]], toy_keyframe(POSE))
    assert np.isnan(found.u).all() and not found.visible.any()


def test_the_mask_is_the_part_of_the_picture_in_the_color_of_the_box():
    _, color = toy_room.cast(POSE)
    mask = visible_mask(box_surface(BOX, step=0.01), toy_keyframe(POSE).view(), point_size=0.02)
    truth = (color == BOX.color).all(axis=-1)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9
