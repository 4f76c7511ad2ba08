"""Location of a bag: the file or folder that holds its messages."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
from pathlib import Path

from seg3d_ros.recordings.database_recovery import (
    RecoveredDatabase,
    is_cut_database,
    recover_database,
)
from seg3d_ros.recordings.mcap_recovery import RecoveredMcap, is_cut_off, recover
from seg3d_ros.recordings.recording import RecordingError

logger = logging.getLogger(__name__)
_ROS2 = (".mcap", ".db3")
_ROS1 = ".bag"
_COMPRESSED = (".zstd", ".zst")  # `ros2 bag record --compression-mode file`
_METADATA = "metadata.yaml"
_KINDS = (*_ROS2, _ROS1, *(kind + packed for kind in _ROS2 for packed in _COMPRESSED))


def is_bag(path: Path) -> bool:
    """True for a bag file, for a folder with metadata.yaml, and for a folder with bag files."""
    if path.is_dir():
        return (path / _METADATA).exists() or bool(_bag_files(path))
    return path.name.endswith((*_KINDS, ".bag.active"))


class BagPath:
    """A bag on disk; compressed files are unpacked into a folder that goes with this object.

    Attributes:
        given: path as the user knows it, for messages.
        remedy: advice for the case that it cannot be read.
        readable: folder with metadata.yaml, .mcap, .db3 or .bag file, or what is left of one.
    """

    def __init__(self, path: Path) -> None:
        """Find what to read.

        Raises:
            RecordingError: a folder without metadata.yaml holds several files, the bag was never
                closed, or it cannot be unpacked.
        """
        self.given = path
        file = path if path.is_file() else _only_file(path)
        if file.name.endswith(".active"):
            raise RecordingError(
                f"{file} was not closed by its recorder; `rosbag reindex` of ROS 1 repairs it"
            )
        files = _bag_files(file) if file.is_dir() else [file]
        self.remedy = _remedy(files[0] if len(files) == 1 else file)
        _warn_of_logs(files)
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        if file.suffix in _COMPRESSED:
            self._unpacked = tempfile.TemporaryDirectory(prefix="seg3d_")
            file = _unpack(file, Path(self._unpacked.name))
        self.readable: Path | RecoveredMcap | RecoveredDatabase = file
        try:
            if is_cut_off(file):
                self.readable = self._recovered(file)
            elif is_cut_database(file):
                self.readable = self._recovered_database(file)
        except (OSError, ValueError, sqlite3.DatabaseError) as error:
            raise RecordingError(
                f"{self.given} cannot be read as a bag, {error}; {self.remedy}"
            ) from error

    def _recovered(self, file: Path) -> RecoveredMcap:
        found = recover(file)
        logger.warning(
            "%s has no summary, as when the recorder is killed or a copy is cut off; its first "
            "%.1f MB are whole and are read; %s", file, found.size * 1e-6, self.remedy,
        )  # fmt: skip
        return found

    def _recovered_database(self, file: Path) -> RecoveredDatabase:
        found = recover_database(file)
        logger.warning(
            "%s is cut off, as when the recorder is killed or a copy ends early; its first %d "
            "messages are whole and are read; %s", file, len(found), self.remedy,
        )  # fmt: skip
        return found


def _remedy(file: Path) -> str:
    """Advice for a file, or a folder with metadata.yaml, that cannot be read."""
    if file.suffix in _COMPRESSED:
        return f"`unzstd {file}`, then {_remedy(file.with_suffix(''))}"
    if file.suffix == ".mcap":
        return f"`mcap recover {file} -o whole.mcap` saves what can be read"
    if file.suffix == ".db3":
        return f"`sqlite3 {file} .recover | sqlite3 whole.db3` saves what can be read"
    if file.suffix == _ROS1:
        return f"`rosbag reindex {file}` of ROS 1 repairs an interrupted recording"
    return (
        f"`ros2 bag reindex {file}` writes metadata.yaml anew, `mcap recover` and "
        "`sqlite3 FILE .recover` save what can be read of a damaged file"
    )


def _warn_of_logs(files: list[Path]) -> None:
    """Notice messages that a killed recorder has left in the write-ahead log of a database."""
    for file in files:
        log = file.with_name(f"{file.name}-wal")
        if log.exists() and log.stat().st_size:
            logger.warning(
                "%s holds messages that are not read; "
                "`sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)'` takes them over", log, file,
            )  # fmt: skip


def _is_cut(file: Path) -> bool:
    return is_cut_off(file) or is_cut_database(file)


def _bag_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith(_KINDS))


def _only_file(folder: Path) -> Path:
    """The folder itself if it has metadata, else the one bag file in it."""
    metadata, files = folder / _METADATA, _bag_files(folder)
    has_metadata = metadata.exists() and metadata.stat().st_size > 0
    if len(files) == 1 and (not has_metadata or _is_cut(files[0])):
        return files[0]
    if has_metadata:
        return folder
    raise RecordingError(
        f"{folder} has no {_METADATA} and {len(files)} bag files "
        f"({', '.join(path.name for path in files) or 'none'}); "
        f"`ros2 bag reindex {folder}` writes it, or name one of the files"
    )


def _unpack(file: Path, folder: Path) -> Path:
    """Decompress a file into a folder; returns the new file."""
    from backports import zstd

    target = folder / file.stem
    try:
        with zstd.open(file, "rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    except (OSError, EOFError, zstd.ZstdError) as error:
        raise RecordingError(f"{file} cannot be unpacked: {error}; try `unzstd {file}`") from error
    return target
