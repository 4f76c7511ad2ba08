"""camera_info in every form drivers send it, against ROS's image_geometry."""

from types import SimpleNamespace

import numpy as np
import pytest

from seg3d_ros.scene import Camera, Distortion
from seg3d_ros.sensing.calibration import calibration_of, is_rectified
from seg3d_ros.sensing.image_decoder import ImageError

SIZE = (480, 640)
K = (500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0)
P = (450.0, 0.0, 300.0, 0.0, 0.0, 460.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PLAIN = Camera(640, 480, 500.0, 510.0, 320.0, 240.0)


def info(**changes):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    fields = {
        "width": 640, "height": 480, "k": K, "d": (), "r": np.eye(3).ravel(), "p": P,
        "distortion_model": "plumb_bob", "binning_x": 0, "binning_y": 0, "roi": roi,
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


def roi(x, y, width, height):
    return SimpleNamespace(x_offset=x, y_offset=y, width=width, height=height, do_rectify=False)


def test_a_plain_calibration():
    found = calibration_of(info(d=(0.0,) * 5), SIZE)
    assert found.camera == PLAIN and found.frame_from_camera is None


def test_a_calibration_without_a_size_has_that_of_the_image():
    assert calibration_of(info(width=0, height=0), SIZE).camera == PLAIN


def test_binning():
    binned = calibration_of(info(binning_x=2, binning_y=4), (120, 320)).camera
    assert binned == Camera(320, 120, 250.0, 127.5, 160.0, 60.0)
    without_size = info(width=0, height=0, binning_x=2, binning_y=4)
    assert calibration_of(without_size, (120, 320)).camera == binned
    assert calibration_of(info(binning_x=2, binning_y=2), SIZE).camera == PLAIN


def test_a_region_of_interest():
    cut = calibration_of(info(roi=roi(100, 40, 320, 200)), (200, 320)).camera
    assert cut == Camera(320, 200, 500.0, 510.0, 220.0, 200.0)
    both = info(roi=roi(100, 40, 320, 200), binning_x=2, binning_y=2)
    assert calibration_of(both, (100, 160)).camera == Camera(160, 100, 250.0, 255.0, 110.0, 100.0)


def test_another_resolution_of_the_same_view():
    half = calibration_of(info(), (240, 320)).camera
    assert half == Camera(320, 240, 250.0, 255.0, 159.75, 119.75)


@pytest.mark.parametrize(
    ("model", "count", "equidistant"),
    [
        ("plumb_bob", 5, False),
        ("plumb_bob", 8, False),
        ("rational_polynomial", 8, False),
        ("rational_polynomial", 12, False),
        ("", 5, False),
        ("equidistant", 4, True),
    ],
)
def test_distortion(model, count, equidistant):
    d = tuple(0.01 * (i + 1) for i in range(count))
    camera = calibration_of(info(d=d, distortion_model=model), SIZE).camera
    assert camera.distortion == Distortion(d, equidistant)


def test_a_rectified_image_has_the_projection_and_no_distortion():
    found = calibration_of(info(d=(0.1,) * 5), SIZE, rectified=True)
    assert found.camera == Camera(640, 480, 450.0, 460.0, 300.0, 230.0)
    assert calibration_of(info(p=(0.0,) * 12), SIZE, rectified=True).camera == PLAIN


def test_the_rectifying_rotation_belongs_to_unrectified_images():
    turn = np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    found = calibration_of(info(r=turn.ravel()), SIZE).frame_from_camera
    np.testing.assert_array_equal(found[:3, :3], turn)
    assert calibration_of(info(r=turn.ravel()), SIZE, rectified=True).frame_from_camera is None
    assert calibration_of(info(r=np.zeros(9)), SIZE).frame_from_camera is None


def test_the_right_camera_of_a_pair_lies_beside_its_frame():
    p = (*P[:3], -45.0, *P[4:])
    found = calibration_of(info(p=p), SIZE, rectified=True).frame_from_camera
    np.testing.assert_allclose(found[:3, 3], (0.1, 0.0, 0.0))


def test_the_capitals_of_ros_1():
    old = info(D=(0.0,) * 5, K=K, R=np.eye(3).ravel(), P=P)
    for name in "dkrp":
        delattr(old, name)
    assert calibration_of(old, SIZE).camera == PLAIN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": (0.0,) * 9}, "no calibration: k = "),
        ({"k": (np.nan,) * 9}, "no calibration: k = "),
        ({"width": 7}, "7 x 480 and depth is 640 x 480"),
        ({"width": 2**32 - 1}, "4294967295 x 480"),
        ({"d": (0.1,) * 5, "distortion_model": "fov"}, "'fov' with 5 .* rational_polynomial"),
        ({"d": (0.1,) * 14, "distortion_model": "rational_polynomial"}, "with 14"),
        ({"d": (np.nan,) * 5}, "no distortion: d = "),
        ({"r": (2.0,) * 9}, "r of camera_info"),
    ],
)
def test_errors_name_the_wrong_value(changes, words):
    with pytest.raises(ImageError, match=words):
        calibration_of(info(**changes), SIZE)


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        ("/camera/color/image_raw", False),
        ("/depth_to_rgb/image_raw", False),
        ("/camera/depth/image_rect_raw", True),
        ("/camera/rgb/image_rect_color", True),
        ("/zed/zed_node/rgb/color/rect/image", True),
        ("/direct/image_raw", False),
    ],
)
def test_names_of_rectified_topics(topic, rectified):
    assert is_rectified(topic) == rectified
