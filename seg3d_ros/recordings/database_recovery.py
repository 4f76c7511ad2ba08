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

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Int64

_MAGIC = b"SQLite format 3\0"
_HEADER_SIZE = 100


@dataclass(frozen=True, eq=False)
class RecoveredDatabase:
    """Beginning of a database.

    Attributes:
        path: the file.
        rows: (N, 3) row, topic and time of recording, nanoseconds, of the messages that are
            whole; the topic is a row in the table of topics.
    """

    path: Path
    rows: Int64

    def __len__(self) -> int:
        return len(self.rows)


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
        InputError: no message is whole.
    """
    with closing(_connect(path)) as database:
        rows = np.array(list(_readable_rows(database)), np.int64).reshape(-1, 4)
        count = _whole_rows(database, rows)
    if not count:
        raise InputError("it is cut off before its first message")
    return RecoveredDatabase(path, rows[:count, :3])


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    # Without it SQLite refuses a file that is shorter than its header says.
    database.execute("PRAGMA writable_schema = ON")
    return database


def _readable_rows(database: sqlite3.Connection) -> Iterator[tuple[int, int, int, int]]:
    """Row, topic, time and size of the messages in their order, up to the first lost page."""
    query = "SELECT id, topic_id, timestamp, length(data) FROM messages ORDER BY id"
    try:
        yield from database.execute(query)
    except sqlite3.DatabaseError:
        return


def _whole_rows(database: sqlite3.Connection, rows: Int64) -> int:
    """Number of rows before the first one whose data is cut; found by bisection.

    Only data that does not fit into the page of its row lies elsewhere, and can be lost alone.
    """
    (page_size,) = database.execute("PRAGMA page_size").fetchone()
    large = np.flatnonzero(rows[:, 3] > page_size // 2)
    low, high = 0, len(large)
    while low < high:
        middle = (low + high) // 2
        row = (int(rows[large[middle], 0]),)
        try:
            database.execute("SELECT data FROM messages WHERE id = ?", row).fetchone()
            low = middle + 1
        except sqlite3.DatabaseError:
            high = middle
    return int(large[low]) if low < len(large) else len(rows)


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
            _Connection(row, topic, kind, int((source.rows[:, 1] == row).sum()))
            for row, topic, kind in rows
        ]
        self.duration = int(np.ptp(source.rows[:, 2]))

    def messages(
        self, connections: Sequence[_Connection]
    ) -> Iterator[tuple[_Connection, int, bytes]]:
        """(topic, time of recording in nanoseconds, serialized message), in that order."""
        chosen = {connection.id: connection for connection in connections}
        rows = self._source.rows
        # Row by row: a scan looks at the page behind the last row, and that may be lost.
        for row, topic, time_ns in rows[np.isin(rows[:, 1], list(chosen))].tolist():
            query = "SELECT data FROM messages WHERE id = ?"
            yield chosen[topic], time_ns, self._database.execute(query, (row,)).fetchone()[0]

    def deserialize(self, data: bytes, kind: str) -> Any:
        """Message of a type."""
        return self._typestore.deserialize_cdr(data, kind)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
