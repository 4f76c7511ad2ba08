"""Point cloud bytes → points and colours, without copying where the layout allows it.

The layout is that of sensor_msgs/PointCloud2, passed as plain values so that bags are read
without ROS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32, UInt8

# sensor_msgs/PointField datatype numbers → numpy types without byte order.
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
_TYPE_NAMES = {
    "i1": "INT8",
    "u1": "UINT8",
    "i2": "INT16",
    "u2": "UINT16",
    "i4": "INT32",
    "u4": "UINT32",
    "f4": "FLOAT32",
    "f8": "FLOAT64",
}
MAX_POINTS = 16_000_000  # 4000 x 4000; anything above is taken for a broken header
NO_COLORS = "%s has no colours; learned models need them"  # the source
_GREY = np.full((1, 3), 160, np.uint8)


class CloudError(InputError):
    """The cloud cannot be read; the message says which value is wrong."""


@dataclass(frozen=True)
class CloudField:
    """One named value of each point (sensor_msgs/PointField)."""

    name: str
    offset: int
    datatype: int
    count: int = 1


@dataclass(frozen=True)
class CloudLayout:
    """Byte layout of a cloud (sensor_msgs/PointCloud2 without its data)."""

    height: int
    width: int
    point_step: int
    row_step: int
    fields: tuple[CloudField, ...]
    is_bigendian: bool = False


@dataclass(frozen=True, eq=False)
class Cloud:
    """A decoded cloud.

    Attributes:
        points: (N, 3) float32 in the cloud's own frame, metres; a view of the data if possible.
        colors: (N, 3) uint8 RGB; a view of the data if possible, grey where the cloud has none.
        grid: (height, width) of an organised cloud, None for a list of points.
        has_colors: False where the colours are made up.
    """

    points: Float32
    colors: UInt8
    grid: tuple[int, int] | None
    has_colors: bool = True


def decode_cloud_message(message: Any) -> Cloud:
    """Read an object with the fields of sensor_msgs/PointCloud2; see `decode_cloud`."""
    layout = CloudLayout(
        height=message.height,
        width=message.width,
        point_step=message.point_step,
        row_step=message.row_step,
        fields=tuple(
            CloudField(field.name, field.offset, field.datatype, field.count)
            for field in message.fields
        ),
        is_bigendian=bool(message.is_bigendian),
    )
    return decode_cloud(layout, message.data)


def decode_cloud(layout: CloudLayout, data: Any) -> Cloud:
    """Read positions (x, y, z) and colours (rgb, rgba, or r, g, b) of a cloud.

    Packed colours are 0xAARRGGBB in a FLOAT32, UINT32 or INT32; separate r, g, b are UINT8, or
    floats in [0, 1].

    Args:
        layout: arrangement of the bytes.
        data: any object with the buffer protocol.

    Raises:
        CloudError: the layout contradicts itself or the data, the cloud is empty, or a field
            is missing or has a type that is not understood.
    """
    raw = np.frombuffer(data, np.uint8)
    _check_sizes(layout, raw.size)
    columns = _Columns(layout, raw)
    return Cloud(
        points=columns.positions(),
        colors=columns.colors(),
        grid=(layout.height, layout.width) if layout.height > 1 else None,
        has_colors=columns.has_colors,
    )


def _check_sizes(layout: CloudLayout, size: int) -> None:
    count = layout.height * layout.width
    if count == 0:
        raise CloudError(f"cloud is empty: height {layout.height}, width {layout.width}")
    if count > MAX_POINTS:
        raise CloudError(f"cloud claims {count} points; at most {MAX_POINTS} are read")
    if layout.point_step <= 0:
        raise CloudError(f"point_step is {layout.point_step}; it must be positive")
    if layout.height > 1 and layout.row_step < layout.width * layout.point_step:
        raise CloudError(
            f"row_step {layout.row_step} is shorter than a row: "
            f"width {layout.width} x point_step {layout.point_step}"
        )
    needed = (layout.height - 1) * layout.row_step + layout.width * layout.point_step
    if size < needed:
        raise CloudError(f"data holds {size} bytes; height, width and steps need {needed}")


class _Columns:
    """Views of single fields of a cloud whose sizes are known to be consistent."""

    def __init__(self, layout: CloudLayout, raw: UInt8) -> None:
        self._layout = layout
        self._raw = raw
        self._fields = {field.name: field for field in layout.fields}
        # Rows without padding are one long row, which needs no copy when flattened.
        padded = layout.height > 1 and layout.row_step != layout.width * layout.point_step
        self._shape = (
            (layout.height, layout.width) if padded else (1, layout.height * layout.width)
        )

    def positions(self) -> Float32:
        x, y, z = (self._typed("xyz", name, ("f4", "f8")) for name in "xyz")
        joined = self._joined([x, y, z])
        with np.errstate(over="ignore", invalid="ignore"):  # too large a float64 becomes infinite
            return np.require(joined, np.float32, ["ALIGNED"])

    @property
    def has_colors(self) -> bool:
        names = self._fields.keys()
        return "rgb" in names or "rgba" in names or {"r", "g", "b"} <= names

    def colors(self) -> UInt8:
        packed = self._fields.get("rgb") or self._fields.get("rgba")
        if packed is not None:
            self._typed("colour", packed.name, ("f4", "u4", "i4"))
            # Bytes in memory are b, g, r, a (little endian) or a, r, g, b (big endian).
            first, step = (1, 1) if self._layout.is_bigendian else (2, -1)
            bytes_ = [CloudField("", packed.offset + first + step * i, 2) for i in range(3)]
            return self._joined(bytes_)
        if {"r", "g", "b"} <= self._fields.keys():
            r, g, b = (self._typed("colour", name, ("u1", "f4", "f8")) for name in "rgb")
            channels = self._joined([r, g, b])
            if channels.dtype == np.uint8:
                return channels
            with np.errstate(invalid="ignore"):  # bytes that are no numbers
                unit = np.nan_to_num(np.clip(channels, 0, 1))
                return np.asarray(np.rint(unit * 255), np.uint8)
        count = self._layout.height * self._layout.width
        return np.broadcast_to(_GREY, (count, 3))

    def _typed(self, what: str, name: str, allowed: Sequence[str]) -> CloudField:
        """The field of that name, checked for type and place inside a point."""
        field = self._fields.get(name)
        if field is None:
            known = ", ".join(self._fields) or "none"
            raise CloudError(f"cloud has no field {name!r} for its {what}; fields: {known}")
        code = _TYPES.get(field.datatype, "")
        if code not in allowed:
            names = " or ".join(_TYPE_NAMES[kind] for kind in allowed)
            got = _TYPE_NAMES.get(code, f"datatype {field.datatype}")
            raise CloudError(f"field {name!r} is {got}; {names} is understood")
        if field.offset < 0 or field.offset + int(code[1]) > self._layout.point_step:
            raise CloudError(
                f"field {name!r} at offset {field.offset} reaches past "
                f"point_step {self._layout.point_step}"
            )
        return field

    def _joined(self, fields: list[CloudField]) -> Any:
        """(N, 3) array of three fields: one view where their offsets are evenly spaced."""
        steps = {b.offset - a.offset for a, b in pairwise(fields)}
        if len({field.datatype for field in fields}) == 1 and len(steps) == 1:
            return self._view(fields[0], steps.pop())
        return np.concatenate([self._view(field, 0)[:, :1] for field in fields], axis=1)

    def _view(self, field: CloudField, step: int) -> Any:
        """(N, 3) view that starts at a field and goes on `step` bytes a column."""
        layout = self._layout
        order = ">" if layout.is_bigendian else "<"
        rows, columns = self._shape
        view = np.ndarray(
            (rows, columns, 3),
            np.dtype(order + _TYPES[field.datatype]),
            self._raw,
            field.offset,
            (layout.row_step if rows > 1 else 0, layout.point_step, step),
        )
        return view.reshape(rows * columns, 3) if rows > 1 else view[0]
