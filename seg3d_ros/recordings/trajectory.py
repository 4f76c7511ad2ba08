"""Camera poses from text files: stamped quaternions, 4x4 matrices, trajectory logs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.sensing.transforms import check_rigid, interpolate, matrix_from_pose

MAX_POSE_GAP_NS = 200_000_000  # no interpolation across longer holes in a trajectory


class Trajectory:
    """Stamped poses, interpolated between their neighbours."""

    def __init__(self, stamps_ns: Int64, poses: Float64) -> None:
        order = np.argsort(stamps_ns, kind="stable")
        self._stamps = stamps_ns[order]
        self._poses = poses[order]

    def at(self, stamp_ns: int) -> Float64 | None:
        """(4, 4) pose at a time; None outside the trajectory and in its holes."""
        after = int(np.searchsorted(self._stamps, stamp_ns))
        if after < len(self._stamps) and self._stamps[after] == stamp_ns:
            return self._poses[after]
        if after in (0, len(self._stamps)):
            return None
        start, end = self._stamps[after - 1], self._stamps[after]
        around = self._poses[after - 1 : after + 1]
        if end - start > MAX_POSE_GAP_NS or not np.isfinite(around).all():
            return None
        share = (stamp_ns - start) / (end - start)
        return interpolate(around[0], around[1], share)


def read_trajectory(path: Path) -> Trajectory:
    """Read lines `stamp tx ty tz qx qy qz qw` (TUM RGB-D): seconds, metres, world from camera."""
    rows = read_rows(path)
    if not rows or any(len(row) != 8 for row in rows):
        raise RecordingError(f"{path}: expected lines 'stamp tx ty tz qx qy qz qw'")
    stamps = np.array([to_nanoseconds(row[0], path) for row in rows])
    return Trajectory(stamps, poses_from_numbers(rows, path))


def read_rows(path: Path) -> list[list[str]]:
    """Words of every line that is neither empty nor a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error
    rows = [line.replace(",", " ").split() for line in lines]
    return [row for row in rows if row and not row[0].startswith("#")]


def poses_from_numbers(rows: list[list[str]], path: Path) -> Float64:
    """(N, 4, 4) poses from rows that end in tx ty tz qx qy qz qw; NaN where tracking was lost."""
    numbers = _floats([row[-7:] for row in rows], path)
    if (np.linalg.norm(numbers[:, 3:], axis=1) < 0.5).any():
        raise RecordingError(f"{path}: a quaternion has no length; expected tx ty tz qx qy qz qw")
    poses = np.full((len(rows), 4, 4), np.nan)
    for place in np.flatnonzero(np.isfinite(numbers).all(axis=1)):
        poses[place] = matrix_from_pose(numbers[place, :3], numbers[place, 3:])
    return poses


def matrices_from_numbers(rows: list[list[str]], path: Path) -> Float64:
    """(N, 4, 4) poses from rows of 16 numbers, or of 12 without the last row of the matrix."""
    numbers = _floats(rows, path, columns=len(rows[0]))
    poses = np.zeros((len(rows), 4, 4))
    poses[:, 3, 3] = 1
    poses[:, : len(rows[0]) // 4] = numbers.reshape(len(rows), -1, 4)
    return poses


def to_nanoseconds(seconds: str, path: Path) -> int:
    """Exact nanoseconds of a decimal number of seconds (a float64 would lose 100 ns)."""
    match = re.fullmatch(r"(\d+)(?:\.(\d*))?", seconds)
    if match is None:
        raise RecordingError(f"{path}: {seconds!r} is not a stamp in seconds")
    whole, fraction = match.group(1), match.group(2) or ""
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def read_matrices(path: Path) -> Float64:
    """(N, 4, 4) poses of a trajectory log: blocks of one index line and four matrix lines."""
    rows = read_rows(path)
    if not rows or len(rows) % 5:
        raise RecordingError(f"{path}: expected blocks of one index line and a 4x4 matrix")
    lines = [row for number, row in enumerate(rows) if number % 5]
    return _floats(lines, path, columns=4).reshape(-1, 4, 4)


def read_matrix(path: Path) -> Float64:
    """(4, 4) pose of a file that holds one matrix; NaN where tracking was lost."""
    rows = read_rows(path)
    if len(rows) != 4:
        raise RecordingError(f"{path}: expected one 4x4 matrix")
    return _floats(rows, path, columns=4)


def is_rigid(pose: Float64) -> bool:
    """False for poses that mark lost tracking: not finite, or not a rotation."""
    try:
        check_rigid(pose, "pose")
    except ValueError:
        return False
    return True


def _floats(rows: list[list[str]], path: Path, *, columns: int = 7) -> Float64:
    try:
        # Windows writes NaN and infinity as 1.#QNAN, -1.#IND and 1.#INF.
        plain = [["nan" if "#" in word else word for word in row] for row in rows]
        numbers = np.array(plain, dtype=np.float64)
    except ValueError as error:
        raise RecordingError(f"{path}: {error}") from error
    if numbers.ndim != 2 or numbers.shape[1] != columns:
        raise RecordingError(f"{path}: expected {columns} numbers a line")
    return numbers
