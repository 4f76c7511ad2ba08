"""Intrinsics of a recording: from a file beside it, or those of a well-known camera."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.lens_entries import distortion_in, numbers
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Camera

_INFO = "_info.txt"  # of ScanNet's SensReader and of 3RScan
_FILES = (
    "camera*.json",
    "camera*.yaml",
    "*intrinsic*.json",
    "*intrinsic*.txt",
    "cam_params.json",
    "intrinsic/intrinsic_depth.txt",  # ScanNet
    _INFO,
    "../camera-intrinsics.txt",  # 3DMatch
    "../cam_params.json",  # Replica as rendered for NICE-SLAM
)
_TUM_UNIT = 1 / 5000
HOW_TO_ADD = (
    'add a camera.json such as {"width": 640, "height": 480, "fx": 525.0, "fy": 525.0, '
    '"cx": 319.5, "cy": 239.5, "depth_unit": 0.001} (pixels; metres of one unit of depth; of a '
    "distorted lens also k1, k2, p1, p2, k3)"
)


class UnknownCameraError(RecordingError):
    """A recording comes without intrinsics."""


@dataclass(frozen=True)
class DepthCamera:
    """Intrinsics of registered colour and depth, and what a depth value is worth.

    Attributes:
        camera: intrinsics; a negative fy says that the camera's y axis points up.
        depth_unit: metres of one unit of depth.
    """

    camera: Camera
    depth_unit: float


# Name of the folder → camera (TUM RGB-D and ICL-NUIM publish these with their sequences).
_KNOWN_BY_NAME = {
    r"(freiburg|fr)_?1": DepthCamera(Camera(640, 480, 517.3, 516.5, 318.6, 255.3), _TUM_UNIT),
    r"(freiburg|fr)_?2": DepthCamera(Camera(640, 480, 520.9, 521.0, 325.1, 249.7), _TUM_UNIT),
    r"(freiburg|fr)_?3": DepthCamera(Camera(640, 480, 535.4, 539.2, 320.1, 247.6), _TUM_UNIT),
    r"icl.?nuim": DepthCamera(Camera(640, 480, 481.2, -480.0, 319.5, 239.5), _TUM_UNIT),
}


def find_camera(folder: Path, *, depth_unit: float, size: tuple[int, int]) -> DepthCamera:
    """Intrinsics of the images in a folder.

    Args:
        folder: a recording.
        depth_unit: metres of one unit of depth where the file does not say.
        size: width and height of the depth images, pixels; for files that name none.

    Raises:
        UnknownCameraError: there is no file and the name is unknown.
        RecordingError: the file cannot be read.
    """
    for pattern in _FILES:
        for path in sorted(folder.glob(pattern)):
            return _read(path, depth_unit, size)
    for pattern, known in _KNOWN_BY_NAME.items():
        if re.search(pattern, folder.resolve().name, re.IGNORECASE):
            return known
    raise UnknownCameraError(f"{folder} does not say what camera it was taken with: {HOW_TO_ADD}")


def _read(path: Path, depth_unit: float, size: tuple[int, int]) -> DepthCamera:
    try:
        if path.name == _INFO:
            found = _from_info(path.read_text(encoding="utf-8"))
        elif path.suffix == ".txt":  # 3DMatch and ScanNet: a bare 3x3 or 4x4 matrix
            found = DepthCamera(_from_matrix(np.loadtxt(path), *size), depth_unit)
            _check_center(found.camera)
        else:
            entries = _parse(path)
            found = DepthCamera(_from_entries(entries), _depth_unit(entries, depth_unit))
    except (OSError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else error
        raise RecordingError(
            f"{path} cannot be read as intrinsics ({why}): {HOW_TO_ADD}"
        ) from error
    values = np.array([found.camera.fx, abs(found.camera.fy), found.depth_unit])
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise RecordingError(
            f"{path}: focal lengths and depth_unit must be positive: {HOW_TO_ADD}"
        )
    return found


def _from_info(text: str) -> DepthCamera:
    """Camera of depth in lines `name = value`, as SensReader writes them."""
    entries = {
        name.strip(): value.split()
        for name, _, value in (line.partition("=") for line in text.splitlines())
    }
    matrix = np.reshape(numbers(entries["m_calibrationDepthIntrinsic"]), (4, 4))
    (width,), (height,) = entries["m_depthWidth"], entries["m_depthHeight"]
    (units,) = entries["m_depthShift"]  # of a metre
    return DepthCamera(_from_matrix(matrix, int(width), int(height)), 1.0 / float(units))


def _parse(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        entries = json.loads(text)
    else:
        from ruamel.yaml import YAML  # comes with rosbags

        text = re.sub(r"^%YAML:.*|!!opencv-matrix", "", text)  # marks of OpenCV's FileStorage
        entries = YAML(typ="safe").load(text)
    if isinstance(entries, dict) and isinstance(entries.get("camera"), dict):  # Replica
        entries = entries["camera"]
    if not isinstance(entries, dict):
        raise InputError("not a table of names and values")
    return entries


def _depth_unit(entries: dict[str, Any], usual: float) -> float:
    """Metres of one unit of depth; some files give the units of a metre, as `scale`."""
    if "scale" in entries and "depth_unit" not in entries:
        return 1.0 / float(entries["scale"])
    return float(entries.get("depth_unit", usual))


def _check_center(camera: Camera) -> None:
    """Notice a bare matrix that belongs to images of another size.

    Raises:
        InputError: the principal point is not in the middle half of the image.
    """
    for center, size in ((camera.cx, camera.width), (camera.cy, camera.height)):
        if not size / 4 <= center <= size * 3 / 4:
            raise InputError(
                f"its principal point ({camera.cx:g}, {camera.cy:g}) is far from the middle of "
                f"the {camera.width}x{camera.height} depth images, so it belongs to other ones"
            )


def _from_entries(entries: dict[str, Any]) -> Camera:
    """Our own names, Open3D's `intrinsic_matrix`, or the `camera_matrix` or `k` of ROS."""
    camera = replace(_pinhole(entries), distortion=distortion_in(entries))
    if camera.distortion is not None and camera.fy < 0:
        raise InputError("fy is negative (y up) and the lens distorted; give a positive fy")
    return camera


def _pinhole(entries: dict[str, Any]) -> Camera:
    if "intrinsic_matrix" in entries:  # nine numbers, column by column
        matrix = np.reshape(entries["intrinsic_matrix"], (3, 3)).T
        return _from_matrix(matrix, *_size(entries))
    for name in ("camera_matrix", "k", "K"):
        if name in entries:
            return _from_matrix(np.reshape(numbers(entries[name]), (3, 3)), *_size(entries))
    fx, fy, cx, cy = (float(entries[name]) for name in ("fx", "fy", "cx", "cy"))
    return Camera(*_size(entries), fx, fy, cx, cy)


def _size(entries: dict[str, Any]) -> tuple[int, int]:
    """Width and height, pixels."""
    for width, height in (("width", "height"), ("w", "h"), ("image_width", "image_height")):
        if width in entries and height in entries:
            return int(entries[width]), int(entries[height])
    raise KeyError("width and height")


def _from_matrix(matrix: Any, width: int, height: int) -> Camera:
    k = np.asarray(matrix, float)
    return Camera(int(width), int(height), k[0, 0], k[1, 1], k[0, 2], k[1, 2])


def y_down(camera: Camera) -> Camera:
    """Camera with its y axis down, as an optical frame has it."""
    return replace(camera, fy=abs(camera.fy))
