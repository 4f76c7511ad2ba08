"""Keyframes as the flat arrays of a map file, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.keyframes.depth_packing import unpack_depth
from seg3d_ros.mapping.keyframes.keyframe import Keyframe, coarse_depth_of
from seg3d_ros.scene import Camera, Int64
from seg3d_ros.sensing.image_decoder import MAX_SIDE
from seg3d_ros.sensing.transforms import check_rigid

Arrays = Mapping[str, npt.NDArray[Any]]

_COLUMNS: dict[str, tuple[type, tuple[int, ...]]] = {  # type and shape of one entry
    "id": (np.int64, ()),
    "stamp_ns": (np.int64, ()),
    "source": (np.str_, ()),
    "camera": (np.float64, (6,)),  # width, height, fx, fy, cx, cy
    "map_from_camera": (np.float64, (4, 4)),
    "sharpness": (np.float64, ()),
    "color_length": (np.int64, ()),
    "depth_length": (np.int64, ()),
}
_MAX_ID = 2**62


class LoadedKeyframes(NamedTuple):
    """Keyframes of a file, and the next free id."""

    keyframes: tuple[Keyframe, ...]
    next_id: int


def pack_keyframes(keyframes: Sequence[Keyframe], *, next_id: int) -> dict[str, npt.NDArray[Any]]:
    """Flatten keyframes into arrays; files of colour and depth lie end to end."""
    rows = [
        {
            **{name: getattr(item, name) for name in ("id", "stamp_ns", "source", "sharpness")},
            "camera": _intrinsics(item.camera),
            "map_from_camera": item.map_from_camera,
            "color_length": len(item.color),
            "depth_length": len(item.depth),
        }
        for item in keyframes
    ]
    arrays: dict[str, npt.NDArray[Any]] = {
        name: np.array([row[name] for row in rows], kind).reshape(len(rows), *shape)
        for name, (kind, shape) in _COLUMNS.items()
    }
    for name in ("color", "depth"):
        arrays[name] = np.frombuffer(b"".join(getattr(k, name) for k in keyframes), np.uint8)
    arrays["next_id"] = np.array(next_id, np.int64)
    return arrays


def unpack_keyframes(arrays: Arrays) -> LoadedKeyframes:
    """Rebuild the keyframes of `pack_keyframes`; trusts nothing. No arrays: no keyframes.

    Raises:
        InputError: an array is missing or of another kind, or its values are impossible.
    """
    if not arrays:
        return LoadedKeyframes((), 1)
    columns = {name: _column(arrays, name) for name in _COLUMNS}
    ids = columns["id"]
    for name, column in columns.items():
        _require(len(column) == len(ids), f"{name} has {len(column)} entries for {len(ids)}")
    next_id = arrays.get("next_id", np.empty(0))
    _require(next_id.shape == () and next_id.dtype == np.int64, "next_id is no number")
    ascending = bool(np.all(np.diff(ids, prepend=0, append=next_id) > 0))
    _require(ascending and int(next_id) < _MAX_ID, "ids are not ascending up to next_id")
    sharpness = columns["sharpness"]
    _require(bool(np.all((sharpness >= 0) & (sharpness <= 1))), "a sharpness is not in 0..1")
    files = zip(_files(arrays, "color"), _files(arrays, "depth"), strict=True)
    keyframes = [_keyframe(columns, row, *pair) for row, pair in enumerate(files)]
    return LoadedKeyframes(tuple(keyframes), int(next_id))


def _keyframe(columns: Arrays, row: int, color: bytes, depth: bytes) -> Keyframe:
    camera = _camera(columns["camera"][row])
    size = (camera.height, camera.width)
    _require(_jpeg_size(color) == size, "a picture is no JPEG file of the size of its camera")
    source = str(columns["source"][row])
    _require(source.isprintable(), "a source is no printable text")
    return Keyframe(
        int(columns["id"][row]),
        int(columns["stamp_ns"][row]),
        source,
        camera,
        check_rigid(columns["map_from_camera"][row], "the pose of a keyframe"),
        color,
        depth,
        coarse_depth_of(unpack_depth(depth, size)),
        float(columns["sharpness"][row]),
    )


def _intrinsics(camera: Camera) -> tuple[float, ...]:
    return camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy


def _camera(values: npt.NDArray[np.float64]) -> Camera:
    _require(bool(np.isfinite(values).all() and values[2:4].all()), "a camera is not calibrated")
    width, height = values[:2]
    _require(bool(1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE), "a camera has no size")
    return Camera(int(width), int(height), *values[2:].tolist())


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in the header of a JPEG file; None where it is none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return image.size[1], image.size[0]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _files(arrays: Arrays, name: str) -> list[bytes]:
    """Files that lie end to end."""
    lengths: Int64 = arrays[f"{name}_length"]
    flat = arrays.get(name, np.empty(0))
    _require(flat.ndim == 1 and flat.dtype == np.uint8, f"{name} holds no bytes")
    _require(bool(np.all((lengths >= 1) & (lengths <= len(flat)))), f"{name} has a wrong length")
    _require(int(lengths.sum()) == len(flat), f"{name} does not add up to its lengths")
    ends = np.cumsum(lengths)
    return [flat[start:end].tobytes() for start, end in zip(ends - lengths, ends, strict=True)]


def _column(arrays: Arrays, name: str) -> npt.NDArray[Any]:
    kind, shape = _COLUMNS[name]
    _require(name in arrays, f"{name} is missing")
    column = arrays[name]
    fits = column.ndim == 1 + len(shape) and column.shape[1:] == shape
    fits = fits and np.issubdtype(column.dtype, kind)
    _require(fits, f"{name} is {column.dtype} {column.shape}")
    return column


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise InputError(f"the stored keyframes are damaged: {otherwise}")
