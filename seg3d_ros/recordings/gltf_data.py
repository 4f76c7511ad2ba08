"""Description and binary data of a glTF file."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.recording import RecordingError

_JSON, _BINARY = 0x4E4F534A, 0x004E4942
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}

Array = npt.NDArray[Any]


@dataclass
class GltfData:
    """A glTF file.

    Attributes:
        json: its description.
        folder: where files that it names are.
        binary: the second chunk of a .glb.
    """

    json: dict[str, Any]
    folder: Path
    binary: bytes = b""
    _buffers: dict[int, bytes] = field(default_factory=dict)

    def accessor(self, number: int, *, shares: bool = False) -> Array:
        """(N, K) numbers of an accessor.

        Args:
            number: of the accessor.
            shares: integers stand for numbers from 0 to 1 (or -1 to 1), as of colours.

        Raises:
            RecordingError: it reaches beyond the data.
        """
        item = self.json["accessors"][number]
        dtype, width = np.dtype(_TYPES[item["componentType"]]), _WIDTHS[item["type"]]
        count = int(item["count"])
        if "bufferView" in item:
            offset = item.get("byteOffset", 0)
            values = self._table(item["bufferView"], offset, count, dtype, width)
        elif "sparse" in item and count <= self._most_rows(item):
            values = np.zeros((count, width), dtype)
        else:
            raise RecordingError(f"its accessor {number} has no data")
        if "sparse" in item:
            values = self._with_sparse(values, item["sparse"])
        if dtype.kind != "f" and (shares or item.get("normalized")):
            return np.maximum(values / float(np.iinfo(dtype).max), -1.0)
        return values

    def _most_rows(self, item: dict[str, Any]) -> int:
        """Zeros are written in a few bytes; more than this many rows are an attack."""
        return 1000 * int(item["sparse"]["count"]) + 1_000_000

    def _with_sparse(self, values: Array, sparse: dict[str, Any]) -> Array:
        count = int(sparse["count"])
        rows, changed = sparse["indices"], sparse["values"]
        dtype = np.dtype(_TYPES[rows["componentType"]])
        at = self._table(rows["bufferView"], rows.get("byteOffset", 0), count, dtype, 1)[:, 0]
        own = (count, values.dtype, values.shape[1])
        values = values.copy()
        values[at] = self._table(changed["bufferView"], changed.get("byteOffset", 0), *own)
        return values

    def _table(
        self, view: int, offset: int, count: int, dtype: np.dtype[Any], width: int
    ) -> Array:
        """(count, width) numbers of a buffer view, whose rows may be apart."""
        data = self.view(view)
        size = dtype.itemsize * width
        stride = self.json["bufferViews"][view].get("byteStride") or size
        if min(offset, count) < 0 or (count and offset + (count - 1) * stride + size > len(data)):
            raise RecordingError(
                f"{count} rows of {size} bytes do not fit its buffer view {view} of {len(data)} "
                "bytes; is it cut off or damaged?"
            )
        if not count:
            return np.empty((0, width), dtype)
        shape, strides = (count, width), (stride, dtype.itemsize)
        return np.ndarray(shape, dtype, data, offset, strides)

    def view(self, number: int) -> bytes:
        """Bytes of a buffer view."""
        item = self.json["bufferViews"][number]
        data = self._buffer(item["buffer"])
        start, size = item.get("byteOffset", 0), item["byteLength"]
        if min(start, size) < 0 or start + size > len(data):
            raise RecordingError(
                f"its buffer view {number} ends at byte {start + size} of {len(data)}; "
                "is it cut off?"
            )
        return data[start : start + size]

    def image(self, image: dict[str, Any]) -> bytes | None:
        """Bytes of a picture inside the file; None where it is a file of its own."""
        if "bufferView" in image:
            return self.view(image["bufferView"])
        uri = image.get("uri", "")
        return _inline(uri) if uri.startswith("data:") else None

    def _buffer(self, number: int) -> bytes:
        if number not in self._buffers:
            uri = self.json["buffers"][number].get("uri")
            self._buffers[number] = self.binary if uri is None else self._resource(uri)
        return self._buffers[number]

    def _resource(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            return _inline(uri)
        path = self.folder / unquote(uri)
        try:
            return path.read_bytes()
        except (OSError, ValueError) as error:
            raise RecordingError(f"its data {uri[:80]!r} cannot be read ({error})") from error


def read_gltf_data(path: Path) -> GltfData:
    """Read the description of a .glb or .gltf file.

    Raises:
        RecordingError: it is damaged, cut off, or no glTF 2.0.
    """
    content = path.read_bytes()
    binary = b""
    if content[:4] == b"glTF":
        content, binary = _chunks(content)
    try:
        description = json.loads(content.decode("utf-8-sig"))
        version = str(description["asset"]["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordingError("it holds no description of a glTF scene; is it damaged?") from None
    if not version.startswith("2"):
        raise RecordingError(f"it is glTF {version}; export it as 2.0")
    return GltfData(description, path.parent, binary)


def _chunks(content: bytes) -> tuple[bytes, bytes]:
    """Description and binary data of a .glb."""
    words = np.frombuffer(content[4 : len(content) // 4 * 4], "<u4")
    if len(words) < 4 or words[1] > len(content):
        size = int(words[1]) if len(words) > 1 else 20
        raise RecordingError(
            f"the header promises {size} bytes, the file holds {len(content)}; is it cut off?"
        )
    found: dict[int, bytes] = {}
    at = 12
    while at + 8 <= len(content):
        size, kind = (int(word) for word in np.frombuffer(content[at : at + 8], "<u4"))
        found.setdefault(kind, content[at + 8 : at + 8 + size])
        at += 8 + size
    return found.get(_JSON, b""), found.get(_BINARY, b"")


def _inline(uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2])
    except (binascii.Error, ValueError) as error:
        raise RecordingError(f"a data: address is damaged ({error})") from None
