"""Frusta of the keyframes' cameras."""

import numpy as np

from seg3d_ros.viewer.frusta import frustum_edges


def test_edges_begin_at_the_camera_and_end_at_the_corners_of_what_it_sees(engine):
    origin = np.array([0.5, 0.0, 0.0])
    keyframes = engine.state.keyframes
    edges = frustum_edges(keyframes, origin)
    assert edges.shape == (8 * len(keyframes), 2, 3) and len(keyframes)
    of_one = edges[:8]
    pose, camera = keyframes[0].map_from_camera, keyframes[0].camera
    np.testing.assert_allclose(of_one[:4, 0], np.tile(pose[:3, 3] - origin, (4, 1)), atol=1e-6)
    corners = (of_one[:4, 1] + origin - pose[:3, 3]) @ pose[:3, :3]  # optical frame
    pixels = corners[:, :2] / corners[:, 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    right, bottom = camera.width, camera.height
    np.testing.assert_allclose(
        pixels, [[0, 0], [right, 0], [right, bottom], [0, bottom]], atol=1e-2
    )
    np.testing.assert_array_equal(of_one[4:, 0], of_one[:4, 1])
    np.testing.assert_array_equal(of_one[4:, 1], np.roll(of_one[:4, 1], -1, axis=0))


def test_without_keyframes_there_are_none():
    assert frustum_edges((), np.zeros(3)).shape == (0, 2, 3)
