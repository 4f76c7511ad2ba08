from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.recordings.lzf import decompress
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.scene_file import read_scene_file

POINTS = np.random.default_rng(0).uniform(-1, 1, (40, 3)).round(4)
COLORS = np.random.default_rng(1).integers(0, 256, (40, 3), np.uint8)
PACKED = (COLORS.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).astype(np.uint32)


def write_pcd(path, fields, kind="binary", head="VERSION 0.7\n"):
    """Write (name, values) fields; values of a `_` field may have several columns."""
    table = np.empty(
        len(fields[0][1]), [(f"{i}", v.dtype, v.shape[1:]) for i, (_, v) in enumerate(fields)]
    )
    for i, (_, values) in enumerate(fields):
        table[f"{i}"] = values
    text = head + f"FIELDS {' '.join(name for name, _ in fields)}\n"
    text += f"SIZE {' '.join(str(v.itemsize) for _, v in fields)}\n"
    text += f"TYPE {' '.join(v.dtype.kind.upper() for _, v in fields)}\n"
    text += f"COUNT {' '.join(str(v[0].size) for _, v in fields)}\n"
    text += f"WIDTH {len(table)}\nHEIGHT 1\nPOINTS {len(table)}\nDATA {kind}\n"
    if kind == "binary":
        body = table.tobytes()
    elif kind == "ascii":
        body = "\n".join(" ".join(repr(v) for v in row.tolist()) for row in table).encode()
    else:  # stored as runs of literal bytes, which LZF allows
        raw = b"".join(np.ascontiguousarray(v).tobytes() for _, v in fields)
        runs = [raw[i : i + 32] for i in range(0, len(raw), 32)]
        packed = b"".join(bytes([len(run) - 1]) + run for run in runs)
        body = np.array([len(packed), len(raw)], "<u4").tobytes() + packed
    path.write_bytes(text.encode() + body)
    return path


def xyz(dtype=np.float32):
    return [(name, POINTS[:, i].astype(dtype)) for i, name in enumerate("xyz")]


def assert_read(path):
    cloud = read_scene_file(path)
    np.testing.assert_allclose(cloud.points, POINTS, atol=1e-6)
    np.testing.assert_array_equal(cloud.colors, COLORS)


KINDS = ["ascii", "binary", "binary_compressed"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_positions_of_either_precision(tmp_path, kind, dtype):
    assert_read(write_pcd(tmp_path / "it.pcd", [*xyz(dtype), ("rgb", PACKED)], kind))


@pytest.mark.parametrize(
    "fields",
    [
        [("rgba", PACKED | np.uint32(255 << 24))],
        [("rgb", PACKED.view(np.float32))],
        [("rgb", PACKED.view(np.int32))],
        [(name, COLORS[:, i]) for i, name in enumerate("rgb")],
        [("_", np.zeros((40, 4), np.uint8)), ("rgb", PACKED), ("_", np.zeros((40, 3), np.uint8))],
    ],
)
def test_colours_in_every_spelling(tmp_path, fields):
    assert_read(write_pcd(tmp_path / "it.pcd", xyz() + fields))


def test_points_that_were_not_measured_are_left_out_and_counted(tmp_path, caplog):
    fields = [(name, np.where(np.arange(40) < 3, np.nan, values)) for name, values in xyz()]
    assert len(read_scene_file(write_pcd(tmp_path / "it.pcd", fields))) == 37
    assert "3 of 40 points have no finite position" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_is_refused(tmp_path, kind):
    path = write_pcd(tmp_path / "it.pcd", [*xyz(), ("rgb", PACKED)], kind)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    with pytest.raises(RecordingError, match="cut off"):
        read_scene_file(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_promise_beyond_the_file_is_refused_before_memory_is_taken(tmp_path, kind):
    path = write_pcd(tmp_path / "it.pcd", xyz(), kind)
    path.write_bytes(path.read_bytes().replace(b"POINTS 40", b"POINTS 900000000"))
    with pytest.raises(RecordingError, match="promises"):
        read_scene_file(path)


def test_lzf_repeats_and_refuses_damage():
    again = bytes([0, 65, (2 << 5), 0])  # "A", then four bytes from one back
    assert decompress(np.frombuffer(again, np.uint8), 5).tobytes() == b"AAAAA"
    for damaged in (again[:3], again[2:], bytes([40])):
        with pytest.raises(ValueError, match="damaged"):
            decompress(np.frombuffer(damaged, np.uint8), 5)
