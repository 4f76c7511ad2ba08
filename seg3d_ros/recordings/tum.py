"""Folders in the style of the TUM RGB-D benchmark (Sturm et al., IROS 2012).

rgb.txt and depth.txt (or one associations file) list stamped images, groundtruth.txt the poses.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from seg3d_ros.recordings.camera_file import find_camera
from seg3d_ros.recordings.image_folder import FrameFiles, ImageFolder, image_size
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.trajectory import read_rows, read_trajectory, to_nanoseconds
from seg3d_ros.recordings.up_axis import Up

logger = logging.getLogger(__name__)
MAX_PAIR_GAP_NS = 20_000_000  # colour and depth further apart are not one frame (30 Hz cameras)
DEPTH_UNIT = 1 / 5000

StampedFile = tuple[int, Path]


def is_tum(folder: Path) -> bool:
    """True when a folder holds the list files of this style."""
    return (folder / "groundtruth.txt").exists() and (
        (folder / "depth.txt").exists() or any(folder.glob("associat*.txt"))
    )


def read_tum(folder: Path, *, up: Up = "auto") -> ImageFolder:
    """Open a TUM-style folder; a frame has the stamp and the pose of its depth image.

    Raises:
        RecordingError: a list cannot be read, nothing pairs up, or the camera is unknown.
    """
    trajectory = read_trajectory(folder / "groundtruth.txt")
    associations = sorted(folder.glob("associat*.txt"))
    pairs = _associated(associations[0]) if associations else _paired(folder)
    lost = np.full((4, 4), np.nan)
    files = []
    for (_, color), (stamp_ns, depth) in pairs:
        pose = trajectory.at(stamp_ns)
        files.append(FrameFiles(stamp_ns, color, depth, lost if pose is None else pose))
    camera = find_camera(folder, depth_unit=DEPTH_UNIT, size=image_size(files[0].depth))
    return ImageFolder(folder.resolve().name, files, camera, up=up)


def _associated(path: Path) -> list[tuple[StampedFile, StampedFile]]:
    """Pairs from lines `stamp color stamp depth`; the two halves may be swapped."""
    pairs = []
    for row in read_rows(path):
        if len(row) < 4:
            raise RecordingError(f"{path}: expected lines 'stamp colour-file stamp depth-file'")
        first, second = (_stamped(row[i : i + 2], path) for i in (0, 2))
        pairs.append((second, first) if "depth" in row[1] else (first, second))
    if not pairs:
        raise RecordingError(f"{path} lists no image")
    return pairs


def _paired(folder: Path) -> list[tuple[StampedFile, StampedFile]]:
    """Each colour image with the depth image nearest in time."""
    lists = [folder / "rgb.txt", folder / "depth.txt"]
    colors, depths = ([_stamped(row, path) for row in read_rows(path)] for path in lists)
    if not colors or not depths:
        raise RecordingError(f"{folder}: rgb.txt or depth.txt lists no image")
    depth_stamps = np.array([stamp for stamp, _ in depths])
    pairs = []
    for color in colors:
        nearest = int(np.argmin(np.abs(depth_stamps - color[0])))
        if abs(depths[nearest][0] - color[0]) <= MAX_PAIR_GAP_NS:
            pairs.append((color, depths[nearest]))
    if not pairs:
        raise RecordingError(f"{folder}: no colour image within 20 ms of a depth image")
    if len(pairs) < len(colors):
        logger.warning(
            "%s: %d of %d colour images left out, without depth within 20 ms",
            folder, len(colors) - len(pairs), len(colors),
        )  # fmt: skip
    return pairs


def _stamped(row: list[str], path: Path) -> StampedFile:
    if len(row) < 2:
        raise RecordingError(f"{path}: expected lines 'stamp file'")
    return to_nanoseconds(row[0], path), path.parent / row[1]
