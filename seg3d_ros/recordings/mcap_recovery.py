"""MCAP files without their end, made readable: the summary is written anew, in memory.

A recorder that is killed leaves no summary and no footer, and the reader needs them: messages of
several chunks are put in order by the index. Layout: https://mcap.dev/spec.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seg3d_ros.errors import InputError

_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # opcode, length of what follows
_FOOTER_SIZE = _RECORD.size + 20 + len(_MAGIC)
_HEADER, _FOOTER, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = 0x01, 0x02, 0x06, 0x07, 0x08
_STATISTICS, _DATA_END = 0x0B, 0x0F
_PRIVATE = 0x80  # opcodes from here on are free to use
_CHUNK_HEAD = struct.Struct("<QQQII")  # start, end, uncompressed size, checksum, length of a name


@dataclass
class _Chunk:
    """Chunk of a file, as its Chunk Index record describes it; offsets and sizes in bytes."""

    first_ns: int
    last_ns: int
    start: int
    end: int
    compression: bytes
    packed: int
    unpacked: int
    offsets: bytes = b""  # channel and offset of each Message Index record behind it
    indexed_to: int = 0

    def to_bytes(self) -> bytes:
        """Content of the record."""
        return (
            struct.pack("<QQQQ", self.first_ns, self.last_ns, self.start, self.end - self.start)
            + struct.pack("<I", len(self.offsets)) + self.offsets
            + struct.pack("<QI", self.indexed_to - self.end, len(self.compression))
            + self.compression + struct.pack("<QQ", self.packed, self.unpacked)
        )  # fmt: skip


def is_cut_off(path: Path) -> bool:
    """True for an MCAP file that does not end in a footer which points to a summary."""
    if path.suffix != ".mcap" or path.stat().st_size < _FOOTER_SIZE:
        return path.suffix == ".mcap"
    with path.open("rb") as file:
        file.seek(-_FOOTER_SIZE, io.SEEK_END)
        footer = file.read()
    (summary_start,) = struct.unpack_from("<Q", footer, _RECORD.size)
    return not (footer.endswith(_MAGIC) and footer[0] == _FOOTER and summary_start > 0)


class RecoveredMcap:
    """Beginning of a file with another end: the part of a path that `rosbags` needs to read it.

    Attributes:
        suffix: ".mcap".
        size: bytes of the file that are read.
    """

    suffix = ".mcap"

    def __init__(self, path: Path, size: int, end: bytes) -> None:
        self._path = path
        self._end = end
        self.size = size

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open it for reading."""
        return io.BufferedReader(_Joined(self._path.open(mode), self.size, self._end))  # type: ignore[arg-type]

    def exists(self) -> bool:
        """True while the file is there."""
        return self._path.exists()

    def is_dir(self) -> bool:
        """Always False."""
        return False

    def __str__(self) -> str:
        return str(self._path)


def recover(path: Path) -> RecoveredMcap:
    """Index the whole records at the beginning of a file.

    Raises:
        InputError: it is no MCAP file, or holds no whole record of data.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError("it does not begin with the magic bytes of MCAP")
        size, chunks = _scan(file)
    if not size:
        raise InputError("it is cut off before its first message")
    end = _pack(_DATA_END, bytes(4))
    summary_start = 0
    if chunks:
        summary_start = size + len(end)
        end += b"".join(_pack(_CHUNK_INDEX, chunk.to_bytes()) for chunk in chunks)
        end += _pack(_STATISTICS, bytes(46))  # the reader counts if there are no channels here
    footer = struct.pack("<QQI", summary_start, 0, 0)
    return RecoveredMcap(path, size, end + _pack(_FOOTER, footer) + _MAGIC)


def _scan(file: BinaryIO) -> tuple[int, list[_Chunk]]:
    """Size up to the last whole record of data, 0 if there is none, and the indexed chunks."""
    chunks: list[_Chunk] = []
    size = 0
    for opcode, start, end in _whole_records(file):
        if opcode == _CHUNK:
            chunks.append(_read_chunk(file, start, end))
        elif opcode == _MESSAGE_INDEX and chunks:
            chunks[-1].offsets += file.read(2) + struct.pack("<Q", start)
            chunks[-1].indexed_to = end
        if opcode != _HEADER:
            size = end
    return size, [chunk for chunk in chunks if chunk.offsets]


def _read_chunk(file: BinaryIO, start: int, end: int) -> _Chunk:
    first, last, unpacked, _, length = _CHUNK_HEAD.unpack(file.read(_CHUNK_HEAD.size))
    compression = file.read(min(length, end - start))
    (packed,) = struct.unpack("<Q", file.read(8))
    return _Chunk(first, last, start, end, compression, packed, unpacked)


def _whole_records(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(opcode, start, end) of records of data that lie in the file entirely.

    The file stands at the content of the record when it is delivered.
    """
    size = file.seek(0, io.SEEK_END)
    start = len(_MAGIC)
    while start + _RECORD.size <= size:
        file.seek(start)
        opcode, length = _RECORD.unpack(file.read(_RECORD.size))
        end = start + _RECORD.size + length
        known = 0 < opcode < _DATA_END or opcode >= _PRIVATE
        too_short = opcode == _CHUNK and length < _CHUNK_HEAD.size + 8
        if not known or opcode == _FOOTER or too_short or end > size:
            return
        yield opcode, start, end
        start = end


def _pack(opcode: int, content: bytes) -> bytes:
    return _RECORD.pack(opcode, len(content)) + content


class _Joined(io.RawIOBase):
    """The first bytes of a file, and other bytes behind them."""

    def __init__(self, file: BinaryIO, size: int, end: bytes) -> None:
        self._file, self._size, self._end = file, size, end
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._position, self._size + len(self._end))[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self._position < self._size:
            self._file.seek(self._position)
            data = self._file.read(min(len(buffer), self._size - self._position))
        else:
            start = self._position - self._size
            data = self._end[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
