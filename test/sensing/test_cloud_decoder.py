"""Clouds of any layout equal what a slow reader takes out of them value by value."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.sensing.cloud_decoder import (
    Cloud,
    CloudError,
    CloudField,
    CloudLayout,
    decode_cloud,
)

CODES = {2: "B", 5: "i", 6: "I", 7: "f", 8: "d"}
SIZES = {2: 1, 5: 4, 6: 4, 7: 4, 8: 8}
UINT8, INT32, UINT32, FLOAT32, FLOAT64 = CODES


def slow_read(layout: CloudLayout, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Positions and colours, one struct.unpack a value."""
    order = ">" if layout.is_bigendian else "<"
    fields = {field.name: field for field in layout.fields}

    def value(name: str, start: int) -> float:
        field = fields[name]
        return struct.unpack_from(order + CODES[field.datatype], data, start + field.offset)[0]

    points, colors = [], []
    for row in range(layout.height):
        for column in range(layout.width):
            start = row * layout.row_step + column * layout.point_step
            points.append([value(axis, start) for axis in "xyz"])
            packed = fields.get("rgb") or fields.get("rgba")
            if packed:
                bits = struct.unpack_from(order + "I", data, start + packed.offset)[0]
                colors.append([bits >> 16 & 255, bits >> 8 & 255, bits & 255])
            elif "r" in fields:
                colors.append([value(channel, start) for channel in "rgb"])
    with np.errstate(over="ignore"):
        return np.array(points).astype(np.float32), np.array(colors, np.uint8)


@st.composite
def clouds(draw: st.DrawFn) -> tuple[CloudLayout, bytes]:
    """A well-formed cloud: any field order, gaps, padding, byte order and colour form."""
    coordinate = draw(st.sampled_from([FLOAT32, FLOAT64]))
    kinds = dict.fromkeys("xyz", coordinate)
    match draw(st.sampled_from(["rgb", "rgba", "separate", "none"])):
        case "separate":
            kinds |= dict.fromkeys("rgb", UINT8)
        case "rgb" | "rgba" as name:
            kinds[name] = draw(st.sampled_from([FLOAT32, UINT32, INT32]))
    fields, offset = [], 0
    for name in draw(st.permutations(list(kinds))):
        offset += draw(st.integers(0, 3))
        fields.append(CloudField(name, offset, kinds[name]))
        offset += SIZES[kinds[name]]
    height, width = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    point_step = offset + draw(st.integers(0, 5))
    row_step = width * point_step + draw(st.integers(0, 9))
    layout = CloudLayout(
        height, width, point_step, row_step, tuple(fields), is_bigendian=draw(st.booleans())
    )
    seed = draw(st.integers(0, 2**32 - 1))
    return layout, np.random.default_rng(seed).bytes(height * row_step)


@settings(max_examples=300, deadline=None)
@given(clouds())
def test_any_layout_reads_like_a_value_at_a_time(case: tuple[CloudLayout, bytes]) -> None:
    layout, data = case
    cloud = decode_cloud(layout, data)
    points, colors = slow_read(layout, data)
    np.testing.assert_array_equal(cloud.points, points)
    if len(colors):
        np.testing.assert_array_equal(cloud.colors, colors)
    assert cloud.points.dtype == np.float32 and cloud.colors.dtype == np.uint8
    assert cloud.colors.shape == cloud.points.shape
    assert cloud.grid == ((layout.height, layout.width) if layout.height > 1 else None)


@settings(max_examples=300, deadline=None)
@given(
    height=st.integers(0, 2**32 - 1) | st.integers(0, 4),
    width=st.integers(0, 2**32 - 1) | st.integers(0, 4),
    point_step=st.integers(0, 40),
    row_step=st.integers(0, 200),
    fields=st.lists(
        st.builds(
            CloudField,
            name=st.sampled_from(["x", "y", "z", "rgb", "r", "g", "b", ""]),
            offset=st.integers(0, 2**32 - 1) | st.integers(0, 30),
            datatype=st.integers(0, 255) | st.integers(1, 8),
        ),
        max_size=7,
    ),
    is_bigendian=st.booleans(),
    data=st.binary(max_size=400),
)
def test_malformed_clouds_give_one_clear_error(data: bytes, **values: object) -> None:
    layout = CloudLayout(**{**values, "fields": tuple(values["fields"])})
    try:
        cloud = decode_cloud(layout, data)
    except CloudError as error:
        assert str(error)
        return
    # What is accepted lies within the data: reading all of it must be possible.
    assert isinstance(cloud, Cloud)
    assert len(np.array(cloud.points)) == len(np.array(cloud.colors)) > 0


def organised(height: int = 2, width: int = 3, *, pad: int = 0) -> tuple[CloudLayout, bytearray]:
    fields = [CloudField(name, 4 * i, FLOAT32) for i, name in enumerate("xyz")]
    layout = CloudLayout(
        height, width, 16, 16 * width + pad, (*fields, CloudField("rgb", 12, FLOAT32))
    )
    return layout, bytearray(height * layout.row_step)


def test_the_usual_layout_is_not_copied() -> None:
    layout, data = organised()
    cloud = decode_cloud(layout, data)
    struct.pack_into("<3fI", data, 16, 1.0, 2.0, 3.0, 0x00102030)
    np.testing.assert_array_equal(cloud.points[1], [1, 2, 3])
    np.testing.assert_array_equal(cloud.colors[1], [0x10, 0x20, 0x30])


def test_float_colours_are_scaled() -> None:
    fields = tuple(CloudField(name, 4 * i, FLOAT32) for i, name in enumerate("xyzrgb"))
    data = struct.pack("<6f", 0, 0, 0, 0.5, 2.0, float("nan"))
    cloud = decode_cloud(CloudLayout(1, 1, 24, 24, fields), data)
    np.testing.assert_array_equal(cloud.colors, [[128, 255, 0]])


def test_a_cloud_without_colour_is_grey() -> None:
    layout, data = organised()
    plain = CloudLayout(2, 3, 16, 48, layout.fields[:3])
    assert len(np.unique(decode_cloud(plain, data).colors)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 0}, "empty"),
        ({"width": 2**31}, "claims"),
        ({"point_step": 0}, "point_step"),
        ({"point_step": 12}, "point_step 12"),
        ({"row_step": 47}, "row_step"),
        ({"fields": ()}, "no field 'x'"),
        ({"fields": (CloudField("x", 0, 3),)}, "INT16"),
        ({"fields": (CloudField("x", 0, 99),)}, "datatype 99"),
    ],
)
def test_errors_name_the_wrong_value(change: dict[str, object], words: str) -> None:
    layout, data = organised()
    values = {**vars(layout), **change}
    with pytest.raises(CloudError, match=words):
        decode_cloud(CloudLayout(**values), data)


def test_short_data_is_refused() -> None:
    layout, data = organised()
    with pytest.raises(CloudError, match="95 bytes"):
        decode_cloud(layout, data[:-1])
