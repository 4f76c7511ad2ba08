"""Messages of a bag: the `rosbags` library with its errors as sentences, and ROS 1 as ROS 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.bag_path import BagPath
from seg3d_ros.recordings.database_recovery import DatabaseReader, RecoveredDatabase
from seg3d_ros.recordings.recording import RecordingError

_READ = {
    f"{package}/msg/{name}"
    for package, names in {
        "builtin_interfaces": ("Time",),
        "geometry_msgs": ("Quaternion", "Transform", "TransformStamped", "Vector3"),
        "sensor_msgs": ("CameraInfo", "CompressedImage", "Image", "PointCloud2", "PointField"),
        "std_msgs": ("Header",),
        "tf2_msgs": ("TFMessage",),
    }.items()
    for name in names
}
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no serialized message begins so
_ROS1_TYPES = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}
_ROS1_FIELDS = {"D": "d", "K": "k", "R": "r", "P": "p"}  # of CameraInfo


class BagReader:
    """An opened bag; a context manager.

    Attributes:
        types: message type of each topic that has messages, by the names of ROS 2.
        counts: number of messages of each of them.
        duration_s: from the first message to the last one, seconds.
    """

    def __init__(self, path: BagPath) -> None:
        """Open a bag.

        Raises:
            RecordingError: it cannot be read; the message says what may repair it.
        """
        self._path = path
        with self._explained():
            self._reader = _open(path.readable)
            used = [c for c in self._reader.connections if c.msgcount]
            self.types = {c.topic: _ROS1_TYPES.get(c.msgtype, c.msgtype) for c in used}
            self.counts = {
                topic: sum(c.msgcount for c in used if c.topic == topic) for topic in self.types
            }
            self.duration_s = float(self._reader.duration * 1e-9)

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.close()

    def messages(self, topics: list[str]) -> Iterator[tuple[str, int, Any]]:
        """(topic, time of recording in nanoseconds, message) in the order of recording.

        Raises:
            RecordingError: the bag is damaged.
        """
        chosen = [c for c in self._reader.connections if c.topic in topics]
        if not chosen:  # the library would take that for every topic
            return
        with self._explained():
            raw = self._reader.messages(connections=chosen)
        while True:
            with self._explained():
                following = next(raw, None)
                if following is None:
                    return
                connection, recorded_ns, data = following
                message = self._reader.deserialize(_plain(data), connection.msgtype)
            yield connection.topic, recorded_ns, _as_ros2(message)

    def first(self, topic: str) -> Any:
        """First message of a topic.

        Raises:
            RecordingError: there is none, or the bag is damaged.
        """
        for _, _, message in self.messages([topic]):
            return message
        raise RecordingError(f"{self._path.given} holds no message of {topic}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the library as RecordingError: over damaged bytes it raises any kind."""
        try:
            yield
        except ImportError:  # of the library itself
            raise
        except Exception as error:
            why = str(error)
            if not why or isinstance(error, LookupError | AttributeError | AssertionError):
                why = f"{type(error).__name__} {error}".rstrip()
            raise RecordingError(
                f"{self._path.given} cannot be read as a bag, it may be damaged ({why}); "
                f"{self._path.remedy}"
            ) from error


def _open(source: Any) -> Any:
    """Opened reader of the library."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    usual = get_typestore(Stores.ROS2_HUMBLE)
    if isinstance(source, RecoveredDatabase):
        return DatabaseReader(source, usual)
    reader = AnyReader([source], default_typestore=usual)
    reader.open()
    _check_definitions(reader.typestore.fielddefs, usual.fielddefs)
    return reader


def _check_definitions(given: Any, usual: Any) -> None:
    """Compare the definitions that come with a bag to the usual ones of what is read.

    Raises:
        InputError: a field is missing, or is an array in one of them only.
    """
    for name in _READ & given.keys():
        kinds = {field.lower(): what[0] for field, what in given[name][1]}
        for field, what in usual[name][1]:
            if kinds.get(field) != what[0]:
                raise InputError(f"its definition of {name} has no such field {field!r}")


def _plain(data: bytes) -> bytes:
    """Serialized message; those of a bag that has lost its metadata may be compressed."""
    if data[:4] != _ZSTD_MAGIC:
        return data
    from backports import zstd

    return zstd.decompress(data)


def _as_ros2(message: Any) -> Any:
    """The message itself, but for a CameraInfo of ROS 1, whose matrices have other names."""
    if not hasattr(message, "K"):
        return message
    return SimpleNamespace(
        **{_ROS1_FIELDS.get(name, name): value for name, value in vars(message).items()}
    )
