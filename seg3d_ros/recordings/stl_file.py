"""STL files, binary and text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from seg3d_ros.recordings.mesh import Mesh
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64

_HEADER = 84  # bytes; the last four are the number of triangles
_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)


def read_stl(path: Path) -> Mesh:
    """Read an STL file.

    Raises:
        RecordingError: it is no STL file, damaged or cut off.
    """
    data = np.fromfile(path, np.uint8)
    count = int(data[80:_HEADER].view("<u4")[0]) if len(data) >= _HEADER else 0
    is_text = data[:5].tobytes().lower() == b"solid" and len(data) != _HEADER + 50 * count
    corners = _text_corners(data.tobytes()) if is_text else _binary_corners(data, count)
    triangles = np.arange(3 * len(corners)).reshape(-1, 3)
    return Mesh(corners.reshape(-1, 3), triangles, fields=("triangles",))


def _binary_corners(data: np.ndarray, count: int) -> Float64:
    complete = max(len(data) - _HEADER, 0) // _RECORD.itemsize
    if count > complete or len(data) < _HEADER:
        raise RecordingError(
            f"the header promises {count} triangles, the file holds {complete}; "
            "it is no STL file, cut off or damaged"
        )
    records = data[_HEADER : _HEADER + count * _RECORD.itemsize].view(_RECORD)
    return records["corners"].astype(np.float64)


def _text_corners(text: bytes) -> Float64:
    found = _VERTEX.findall(text)
    if len(found) % 3 or b"endsolid" not in text[-200:].lower():
        raise RecordingError("its last triangle or the line 'endsolid' is missing; is it cut off?")
    try:
        return np.array(found, np.float64).reshape(-1, 3, 3)
    except ValueError as error:
        raise RecordingError(f"a vertex holds a word that is no number ({error})") from None
