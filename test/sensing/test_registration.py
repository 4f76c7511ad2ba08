"""Colour and depth of two cameras that look at a wall with a box before it."""

import numpy as np

from seg3d_ros.scene import Camera, Distortion
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.registration import register_color

DEPTH_CAMERA = Camera(160, 120, 100.0, 100.0, 79.5, 59.5)
COLOR_CAMERA = Camera(320, 200, 260.0, 260.0, 160.0, 100.0, Distortion((0.1, -0.05, 0.0, 0.0)))
SHIFT = 0.05  # metres that the colour camera lies to the right
WALL, BOX = 2.0, 1.0
BOX_SIDES = (-0.3, 0.1)  # in x; as high as the view


def rays(camera):
    v, u = np.mgrid[: camera.height, : camera.width]
    return (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy


def depth_image():
    x, _ = rays(DEPTH_CAMERA)
    hit = (BOX_SIDES[0] < x * BOX) & (x * BOX < BOX_SIDES[1])
    depth = np.where(hit, BOX, WALL).astype(np.float32)
    return DepthImage(np.zeros((120, 160, 3), np.uint8), depth, 1.0, DEPTH_CAMERA)


def painted(x, y, z):
    """Red grows to the right, green downwards; blue is the box."""
    red, green = 100 + 60 * x, 100 + 60 * y
    return np.stack([red, green, np.where(z < 1.5, 255.0, 0.0)], axis=-1)


def color_image(camera):
    from seg3d_ros.sensing.lens import view_rays

    x, y = np.moveaxis(view_rays(camera).astype(float), -1, 0)
    on_box = (BOX_SIDES[0] < x * BOX + SHIFT) & (x * BOX + SHIFT < BOX_SIDES[1])
    z = np.where(on_box, BOX, WALL)
    return np.rint(painted(x * z + SHIFT, y * z, z)).astype(np.uint8)


def registered():
    color_from_depth = np.eye(4)
    color_from_depth[0, 3] = -SHIFT
    return register_color(depth_image(), color_image(COLOR_CAMERA), COLOR_CAMERA, color_from_depth)


def test_each_pixel_gets_the_colour_of_its_point():
    image = registered()
    x, y = rays(DEPTH_CAMERA)
    seen = image.depth > 0
    z = depth_image().depth
    truth = painted(x * z, y * z, z)
    error = np.abs(image.color - truth)[seen]
    assert error.max() <= 3, "nothing of the box is painted on the wall, or the other way round"
    np.testing.assert_array_equal(image.depth[seen], z[seen])
    assert image.camera == DEPTH_CAMERA


def test_what_the_colour_camera_cannot_see_is_left_out():
    image = registered()
    x, _ = rays(DEPTH_CAMERA)
    z = depth_image().depth
    seen = image.depth > 0
    to_color = (x * z - SHIFT) / z
    edge = (BOX_SIDES[0] - SHIFT) / BOX  # ray of the colour camera along the box's left side
    hidden = (z == WALL) & (x < 0) & (to_color > edge)
    assert hidden.sum() > 100 and not seen[hidden].any()
    assert not seen[:, :10].any(), "outside its image"
    clear = (np.abs(to_color) < 0.55) & (np.abs(to_color - edge) > 0.03) & ~hidden
    clear &= np.abs(to_color - (BOX_SIDES[1] - SHIFT)) > 0.03
    assert seen[30:90][clear[30:90]].all()
