"""sensor_msgs/CameraInfo → intrinsics of the image at hand.

Binning, region of interest, distortion and rectification mean what they mean in ROS's
image_geometry. A message is any object with the fields of the message, of ROS 1 or ROS 2, so
that bags are read without ROS.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seg3d_ros.scene import Camera, Distortion, Float64
from seg3d_ros.sensing.image_decoder import MAX_SIDE, ImageError
from seg3d_ros.sensing.transforms import check_rigid

# Names of the distortion models in use → number of coefficients that each may have. Drivers
# write "plumb_bob" over eight coefficients and leave the name empty, so the two go together.
_POLYNOMIALS = (
    "plumb_bob", "rational_polynomial", "thin_prism", "", "radtan", "radial-tangential",
    "brown_conrady", "opencv", "full_opencv", "pinhole",
)  # fmt: skip
_EQUIDISTANT = ("equidistant", "fisheye", "kannala_brandt", "kannalabrandt8", "opencv_fisheye")
_POLYNOMIAL_TERMS = 12
_EQUIDISTANT_TERMS = 4
_ASPECT_TOLERANCE = 0.01  # ScanNet's 1296 x 968 and 640 x 480 differ by 0.4 %
_RECTIFIED_TOPIC = re.compile(r"(^|[/_])(rect|rectified|undistorted)([/_]|$)")


@dataclass(frozen=True, eq=False)
class Calibration:
    """Intrinsics of an image and the place of the camera in its coordinate frame.

    Attributes:
        camera: intrinsics.
        frame_from_camera: (4, 4) float64, from the camera's own axes to the frame_id of its
            messages; None where they are the same.
    """

    camera: Camera
    frame_from_camera: Float64 | None = None


def is_rectified(topic: str) -> bool:
    """True for an image topic whose name says so by convention: image_rect_color, rect/image."""
    return _RECTIFIED_TOPIC.search(topic) is not None


def same_aspect(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """True when two images (height, width) show the same view at different resolutions."""
    (h1, w1), (h2, w2) = first, second
    return abs(w1 * h2 - w2 * h1) <= _ASPECT_TOLERANCE * w1 * h2


def calibration_of(info: Any, size: tuple[int, int], *, rectified: bool = False) -> Calibration:
    """Intrinsics of an image from the camera_info that belongs to it.

    Args:
        info: sensor_msgs/CameraInfo; a width or height of 0 stands for that of the image.
        size: (height, width) of the image.
        rectified: the image is rectified already: P holds, D does not.

    Raises:
        ImageError: no calibration, an unknown lens model, or an image of another shape.
    """
    full = _full_camera(info, rectified=rectified)
    camera = _reduced(full, info, size).resized(size[1], size[0])
    if rectified:
        return Calibration(camera, _frame_from_rectified(_numbers(info, "p")))
    return Calibration(camera, _frame_from_raw(_numbers(info, "r")))


def _numbers(info: Any, name: str) -> tuple[float, ...]:
    """A matrix or D of a message; ROS 1 writes their names in capitals."""
    values = getattr(info, name, None)
    return tuple(map(float, getattr(info, name.upper()) if values is None else values))


def _full_camera(info: Any, *, rectified: bool) -> Camera:
    """Intrinsics at full resolution: K and D of a raw image, P of a rectified one."""
    k, p = _numbers(info, "k"), _numbers(info, "p")
    values = k[0], k[4], k[2], k[5]
    if rectified and any(p):
        values = p[0], p[5], p[2], p[6]
    if not (np.isfinite(values).all() and values[0] and values[1]):
        raise ImageError(f"camera_info holds no calibration: k = {list(k)}")
    distortion = (
        None if rectified else distortion_of(str(info.distortion_model), _numbers(info, "d"))
    )
    return Camera(info.width, info.height, *values, distortion)


def is_equidistant(model: str) -> bool:
    """True for the name of a fisheye model (Kannala and Brandt)."""
    return model.strip().lower() in _EQUIDISTANT


def distortion_of(model: str, coefficients: Sequence[float]) -> Distortion | None:
    """Distortion with the name of its model and its coefficients; None for zeros.

    Args:
        model: as ROS, OpenCV, Kalibr, COLMAP and librealsense spell it; empty: polynomial.
        coefficients: in the order of OpenCV.

    Raises:
        ImageError: an unknown model, too many coefficients, or one that is not finite.
    """
    if not any(coefficients):
        return None
    equidistant = is_equidistant(model)
    most = _EQUIDISTANT_TERMS if equidistant else _POLYNOMIAL_TERMS
    known = equidistant or model.strip().lower() in _POLYNOMIALS
    if not known or any(coefficients[most:]):
        usual = ", ".join((*_POLYNOMIALS[:3], _EQUIDISTANT[0]))
        raise ImageError(
            f"distortion model {model!r} with {len(coefficients)} coefficients is not understood; "
            f"known are {usual}. Use rectified images"
        )
    if not np.isfinite(coefficients).all():
        raise ImageError(f"this is no distortion: d = {list(coefficients)}")
    return Distortion(tuple(coefficients[:most]), equidistant)


def _reduced(camera: Camera, info: Any, size: tuple[int, int]) -> Camera:
    """Intrinsics after the region of interest and binning, where they have been applied."""
    height, width = size
    roi, binning = info.roi, (max(info.binning_x, 1), max(info.binning_y, 1))
    if (camera.width, camera.height) == (width, height):  # the whole image, at full resolution
        return camera
    reduced = replace(
        camera,
        width=(roi.width or camera.width) // binning[0] or width,
        height=(roi.height or camera.height) // binning[1] or height,
        fx=camera.fx / binning[0],
        fy=camera.fy / binning[1],
        cx=(camera.cx - roi.x_offset) / binning[0],
        cy=(camera.cy - roi.y_offset) / binning[1],
    )
    if max(reduced.width, reduced.height) > MAX_SIDE or not same_aspect(
        (reduced.height, reduced.width), size
    ):
        raise ImageError(
            f"camera_info is for {reduced.width} x {reduced.height} and depth is "
            f"{width} x {height}; use the camera_info of the registered depth"
        )
    return reduced


def _frame_from_raw(r: tuple[float, ...]) -> Float64 | None:
    """R turns the axes of the unrectified camera into those of its frame."""
    rotation = np.reshape(r, (3, 3))
    if not rotation.any() or np.array_equal(rotation, np.eye(3)):
        return None
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    try:
        return check_rigid(matrix, "r of camera_info")
    except ValueError as error:
        raise ImageError(str(error)) from error


def _frame_from_rectified(p: tuple[float, ...]) -> Float64 | None:
    """The right camera of a stereo pair lies beside its frame, by the last column of P."""
    if not (p[3] or p[7]) or not (p[0] and p[5]):
        return None
    matrix = np.eye(4)
    matrix[:2, 3] = -p[3] / p[0], -p[7] / p[5]
    return matrix
