"""NPZ files of points: plain arrays, whose sizes are checked before anything is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seg3d_ros.array_archive import ARRAY_SUFFIX, DAMAGES, member_names, read_members
from seg3d_ros.recordings.file_points import FilePoints
from seg3d_ros.recordings.point_colors import as_bytes
from seg3d_ros.recordings.recording import RecordingError

MAX_BYTES = 1 << 30  # 40 million points; as much as a map
_XYZ = ("xyz", "points", "coord", "coords")
_RGB = ("rgb", "color", "colors")


def read_arrays(path: Path) -> FilePoints:
    """Read "xyz" (P, 3) and "rgb" (P, 3), 0 to 255 or 0 to 1, of an NPZ file.

    Raises:
        RecordingError: it is no NPZ file, damaged, too large, or without positions.
    """
    try:
        names = [name.removesuffix(ARRAY_SUFFIX) for name in member_names(path)]
        xyz, rgb = (next(filter(names.__contains__, known), known[0]) for known in (_XYZ, _RGB))
        wanted = {xyz + ARRAY_SUFFIX, rgb + ARRAY_SUFFIX}
        arrays = read_members(path, wanted.__contains__, max_bytes=MAX_BYTES).arrays
    except DAMAGES as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, MemoryError) else error
        raise RecordingError(f"{path} is no archive of arrays ({reason})") from error
    positions, colors = arrays.get(xyz), arrays.get(rgb)
    if positions is None:
        raise RecordingError(f"{path} holds no positions; name them {' or '.join(_XYZ)}")
    if positions.ndim != 2 or positions.shape[1] != 3 or positions.dtype.kind not in "fiu":
        raise RecordingError(f"{path}: positions have shape {positions.shape}, expected (P, 3)")
    if colors is None:
        return FilePoints(positions.astype(np.float64), None, tuple(names))
    if colors.shape != positions.shape or colors.dtype.kind not in "fiu":
        raise RecordingError(
            f"{path}: colours have shape {colors.shape}, the positions {positions.shape}"
        )
    read, notes = as_bytes(colors)
    return FilePoints(positions.astype(np.float64), read, tuple(names), notes)
