"""Folders of numbered colour and depth images with poses.

The layouts of Redwood, 3DMatch, ICL-NUIM, ScanNet (SensReader) and Replica (NICE-SLAM).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seg3d_ros.recordings.camera_file import DepthCamera, UnknownCameraError, find_camera
from seg3d_ros.recordings.image_folder import FrameFiles, ImageFolder, image_size
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.trajectory import (
    matrices_from_numbers,
    poses_from_numbers,
    read_matrices,
    read_matrix,
    read_rows,
    to_nanoseconds,
)
from seg3d_ros.recordings.up_axis import Up
from seg3d_ros.scene import Camera, Float64

logger = logging.getLogger(__name__)
DEPTH_UNIT = 0.001
UNSTAMPED_RATE_HZ = 5.0
PRIMESENSE = DepthCamera(Camera(640, 480, 525.0, 525.0, 319.5, 239.5), DEPTH_UNIT)
_COLOR_FOLDERS = ("color", "rgb", "image", "images")
_POSE_LISTS = ("pose.txt", "poses.txt", "truth_cam_poses.txt", "traj.txt", "traj_w_c.txt")
_LOGS = ("trajectory.log", "scene/trajectory.log")  # the latter from Open3D's reconstruction
_SUFFIXES = {".png", ".jpg", ".jpeg", ".pgm"}
_REPLICA = "results"  # holds frame000000.jpg and depth000000.png

Poses = tuple[dict[int, Float64], dict[int, int]]  # by number of the frame: pose, stamp


def is_redwood(folder: Path) -> bool:
    """True when a folder holds numbered colour and depth images."""
    return bool(_depth_images(folder))


def read_redwood(folder: Path, *, up: Up = "auto") -> ImageFolder:
    """Open a folder of numbered images; frames without a stamp of their own get 5 Hz.

    Raises:
        RecordingError: images or poses are missing or do not fit together.
    """
    colors, depths = _color_images(folder), _depth_images(folder)
    numbers = sorted(colors.keys() & depths.keys())
    if not numbers:
        raise RecordingError(f"{folder}: no colour image has the number of a depth image")
    for images, others, name in ((colors, depths, "depth"), (depths, colors, "colour")):
        if alone := images.keys() - others.keys():
            logger.warning(
                "%s: %d images left out, without a %s image of their number (%s)",
                folder, len(alone), name, images[min(alone)].name,
            )  # fmt: skip
    poses, stamps = _find_poses(folder, numbers)
    lost = np.full((4, 4), np.nan)
    files = [
        FrameFiles(
            stamps.get(number, int(place * 1e9 / UNSTAMPED_RATE_HZ)),
            colors[number],
            depths[number],
            poses.get(number, lost),
        )
        for place, number in enumerate(numbers)
    ]
    camera = _camera(folder, image_size(depths[numbers[0]]))
    return ImageFolder(folder.resolve().name, files, camera, up=up)


def _camera(folder: Path, size: tuple[int, int]) -> DepthCamera:
    try:
        return find_camera(folder, depth_unit=DEPTH_UNIT, size=size)
    except UnknownCameraError:
        if not (folder / "trajectory.log").exists():
            raise
    logger.info("%s: no intrinsics; taking the PrimeSense defaults of Redwood", folder)
    return PRIMESENSE


def _color_images(folder: Path) -> dict[int, Path]:
    if (folder / _REPLICA).is_dir():
        return _numbered((folder / _REPLICA).glob("frame*"))
    places = [folder / name for name in _COLOR_FOLDERS if (folder / name).is_dir()]
    return _numbered(places[0].iterdir() if places else folder.glob("*color*"))


def _depth_images(folder: Path) -> dict[int, Path]:
    if (folder / _REPLICA).is_dir():
        return _numbered((folder / _REPLICA).glob("depth*"))
    place = folder / "depth"
    return _numbered(place.iterdir() if place.is_dir() else folder.glob("*depth*"))


def _numbered(paths: Iterable[Path]) -> dict[int, Path]:
    """Image files by the first number in their names."""
    found: dict[int, Path] = {}
    for path in sorted(paths):
        match = re.search(r"\d+", path.name)
        if match is None or path.suffix.lower() not in _SUFFIXES:
            continue
        if found.setdefault(int(match.group()), path) != path:
            raise RecordingError(f"{path} and {found[int(match.group())]} have the same number")
    return found


def _find_poses(folder: Path, numbers: list[int]) -> Poses:
    for name in _LOGS:
        if (folder / name).exists():
            return _in_order(read_matrices(folder / name), numbers, name)
    for name in _POSE_LISTS:
        if (folder / name).exists():
            return _from_list(folder / name, numbers)
    for pattern in ("*.pose.txt", "pose/*.txt", "poses/*.txt"):
        found = {
            int(m.group()): p for p in folder.glob(pattern) if (m := re.search(r"\d+", p.name))
        }
        if found:
            return {number: read_matrix(path) for number, path in found.items()}, {}
    raise RecordingError(
        f"{folder} has images but no poses: add a trajectory.log, one *.pose.txt with a 4x4 "
        "matrix an image, a traj.txt with 16 numbers a line, or a pose.txt with lines "
        "'tx ty tz qx qy qz qw' (world from camera)"
    )


def _from_list(path: Path, numbers: list[int]) -> Poses:
    """Lines `[[number] stamp] tx ty tz qx qy qz qw`, or a matrix row by row (12, 16 numbers).

    Without a number, one line an image.
    """
    rows = read_rows(path)
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not widths <= {7, 8, 9, 12, 16}:
        raise RecordingError(
            f"{path}: expected lines '[[number] stamp] tx ty tz qx qy qz qw' or matrices of 16 "
            "numbers a line"
        )
    if widths <= {12, 16}:
        return _in_order(matrices_from_numbers(rows, path), numbers, path.name)
    matrices = poses_from_numbers(rows, path)
    keys = [int(row[0]) for row in rows] if widths == {9} else numbers
    poses, _ = _in_order(matrices, keys, path.name)
    if widths == {7}:
        return poses, {}
    return poses, {key: to_nanoseconds(row[-8], path) for key, row in zip(keys, rows, strict=True)}


def _in_order(matrices: Float64, numbers: list[int], name: str) -> Poses:
    if len(matrices) != len(numbers):
        raise RecordingError(
            f"{name} holds {len(matrices)} poses for {len(numbers)} images; they must be as many"
        )
    return dict(zip(numbers, matrices, strict=True)), {}
