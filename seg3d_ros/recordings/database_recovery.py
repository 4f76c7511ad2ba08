"""SQLite bags (.db3) without their end, read up to the cut.

A recorder that is killed by power loss, or a copy that is cut off, leaves a file that is shorter
than its header says. Rows were appended in the order of recording, so those before the cut are
whole; the index on the stamps and the counts that the `rosbags` library asks for are not.
File format: https://sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.scene import Int64

_MAGIC = b"SQLite format 3\0"
_HEADER_SIZE = 100


@dataclass(frozen=True, eq=False)
class RecoveredDatabase:
    """Beginning of a database.

    Attributes:
        path: the file.
        topics: topic of each message that is whole, by its row in the table of topics.
        last_id: row of the last whole message.
        span_ns: times of the first and the last whole message, nanoseconds.
    """

    path: Path
    topics: Int64
    last_id: int
    span_ns: tuple[int, int]


@dataclass(frozen=True)
class _Connection:
    """Topic of a database, with the names that `rosbags` uses."""

    id: int
    topic: str
    msgtype: str
    msgcount: int


def is_cut_database(path: Path) -> bool:
    """True for an SQLite bag that is shorter than its header says."""
    if path.suffix != ".db3":
        return False
    with path.open("rb") as file:
        header = file.read(_HEADER_SIZE)
    if not header.startswith(_MAGIC) or len(header) < _HEADER_SIZE:
        return False
    page = int.from_bytes(header[16:18], "big")  # 1 stands for 65536
    return path.stat().st_size < (65536 if page == 1 else page) * int.from_bytes(
        header[28:32], "big"
    )


def recover_database(path: Path) -> RecoveredDatabase:
    """Find the messages before the cut; reads the file's tables, but hardly any message.

    Raises:
        ValueError: no message is whole.
    """
    with closing(_connect(path)) as database:
        rows = np.array(list(_readable_rows(database)), np.int64).reshape(-1, 3)
        count = _whole_rows(database, rows[:, 0])
    if not count:
        raise ValueError("it is cut off before its first message")
    ids, topics, times = rows[:count].T
    return RecoveredDatabase(path, topics, int(ids[-1]), (int(times.min()), int(times.max())))


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    # Without it SQLite refuses a file that is shorter than its header says.
    database.execute("PRAGMA writable_schema = ON")
    return database


def _readable_rows(database: sqlite3.Connection) -> Iterator[tuple[int, int, int]]:
    """Row, topic and time of the messages in the order of recording, up to the first lost page."""
    try:
        yield from database.execute("SELECT id, topic_id, timestamp FROM messages ORDER BY id")
    except sqlite3.DatabaseError:
        return


def _whole_rows(database: sqlite3.Connection, ids: Int64) -> int:
    """Number of rows before the first one whose data is cut; found by bisection."""
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        try:
            database.execute(
                "SELECT data FROM messages WHERE id = ?", (int(ids[middle]),)
            ).fetchone()
            low = middle + 1
        except sqlite3.DatabaseError:
            high = middle
    return low


class DatabaseReader:
    """Reader of a recovered database, with the parts of the `rosbags` reader that are used.

    Attributes:
        connections: its topics.
        duration: from the first message to the last one, nanoseconds.
    """

    def __init__(self, source: RecoveredDatabase, typestore: Any) -> None:
        self._source = source
        self._typestore = typestore
        self._database = _connect(source.path)
        rows = self._database.execute("SELECT id, name, type FROM topics ORDER BY id").fetchall()
        self.connections = [
            _Connection(row, topic, kind, int((source.topics == row).sum()))
            for row, topic, kind in rows
        ]
        self.duration = source.span_ns[1] - source.span_ns[0]

    def messages(
        self, connections: Sequence[_Connection]
    ) -> Iterator[tuple[_Connection, int, bytes]]:
        """(topic, time of recording in nanoseconds, serialized message), in that order."""
        chosen = {connection.id: connection for connection in connections}
        query = (
            "SELECT topic_id, timestamp, data FROM messages WHERE id <= ? AND topic_id IN "
            f"({', '.join('?' * len(chosen))}) ORDER BY id"
        )
        for row, time_ns, data in self._database.execute(query, (self._source.last_id, *chosen)):
            yield chosen[row], time_ns, data

    def deserialize(self, data: bytes, kind: str) -> Any:
        """Message of a type."""
        return self._typestore.deserialize_cdr(data, kind)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
