"""ScanNet's .sens files, written by hand."""

from __future__ import annotations

import io
import logging
import random
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame
from seg3d_ros.scene import Camera

WIDTH, HEIGHT = 40, 30
DEPTH = np.arange(WIDTH * HEIGHT, dtype="<u2").reshape(HEIGHT, WIDTH) + 1500
LOST = np.full((4, 4), -np.inf)


def pose(x: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix


def jpeg(size: tuple[int, int] = (81, 61)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 40, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def frame(matrix: np.ndarray, stamp_us: int, color: bytes, depth: bytes) -> bytes:
    head = struct.pack("<16f", *matrix.ravel())
    return head + struct.pack("<4Q", stamp_us, stamp_us, len(color), len(depth)) + color + depth


def header(frames: int, **changes: Any) -> bytes:
    values = {"version": 4, "color": 2, "depth": 1, "size": (WIDTH, HEIGHT), "units": 1000.0}
    values |= changes
    name = b"StructureSensor"
    k = np.eye(4)
    k[0, 0], k[1, 1], k[0, 2], k[1, 2] = 30.0, 31.0, 19.5, 14.5
    matrices = np.concatenate([2 * k.ravel(), np.eye(4).ravel(), k.ravel(), np.eye(4).ravel()])
    return (
        struct.pack("<IQ", values["version"], len(name)) + name
        + struct.pack("<64f", *matrices)
        + struct.pack("<ii4I", values["color"], values["depth"], 81, 61, *values["size"])
        + struct.pack("<fQ", values["units"], frames)
    )  # fmt: skip


def content(poses: list[np.ndarray], **changes: Any) -> bytes:
    packed = zlib.compress(DEPTH.tobytes())
    frames = [
        frame(matrix, 1_000_000 + 33_333 * n, jpeg(), packed) for n, matrix in enumerate(poses)
    ]
    return header(len(frames), **changes) + b"".join(frames)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_frames_are_read_with_their_poses_and_stamps(tmp_path, caplog) -> None:
    file = write(tmp_path / "scene0000_00.sens", content([pose(0), LOST, pose(2)]))
    with caplog.at_level(logging.WARNING):
        recording = open_recording(file, up="z")
    assert (recording.name, len(recording)) == ("scene0000_00", 2)
    assert "1 of 3 frames have no usable pose" in caplog.text
    first, second = recording.frames()
    assert (first.stamp_ns, second.stamp_ns) == (1_000_000_000, 1_066_666_000)
    assert second.map_from_sensor[0, 3] == 2
    np.testing.assert_array_equal(first.data.depth, DEPTH)
    assert first.data.camera == Camera(WIDTH, HEIGHT, 30.0, 31.0, 19.5, 14.5)
    assert first.data.color.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(first.data.color[10, 10], (200, 40, 30), atol=3)
    points = to_frame(first).points.reshape(HEIGHT, WIDTH, 3)
    assert points[0, 1] == pytest.approx(np.array([-18.5 / 30, -14.5 / 31, 1]) * 1.501)


def test_frames_before_the_start_are_not_unpacked(tmp_path) -> None:
    damaged = frame(pose(0), 1_000_000, b"no image", b"no depth")
    whole = [frame(pose(x), 1_000_000 + x, jpeg(), zlib.compress(DEPTH)) for x in (1, 2)]
    file = write(tmp_path / "scene.sens", header(3) + damaged + b"".join(whole))
    recording = open_recording(file, up="z")
    assert [read.map_from_sensor[0, 3] for read in recording.frames(1)] == [1, 2]


def test_a_file_that_is_cut_off_is_read_up_to_the_cut(tmp_path, caplog) -> None:
    data = content([pose(0), pose(1), pose(2)])
    file = write(tmp_path / "cut.sens", data[:-10])
    with caplog.at_level(logging.WARNING):
        recording = open_recording(file, up="z")
    assert [frame.map_from_sensor[0, 3] for frame in recording.frames()] == [0, 1]
    assert "its first 2 of 3 frames are whole" in caplog.text


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "ends in its header"),
        (header(1, version=3), "version 3"),
        (content([pose(0)], color=0), "colour compression 0"),
        (content([pose(0)], depth=2), "depth compression 2"),
        (content([pose(0)], units=0.0), "0 units a metre"),
        (content([pose(0)], size=(2**31, 2)), "2147483648 x 2"),
        (header(2**63), "claims 9223372036854775808 frames"),
        (header(5), "none of 0 frames"),
        (content([LOST]), "none of 1 frames"),
        (header(1) + frame(pose(0), 1, b"no jpeg", b""), "its depth has|cannot be decoded"),
        (header(1) + frame(pose(0), 1, jpeg(), b"no zlib"), "incorrect header"),
        (header(1) + frame(pose(0), 1, jpeg((60, 60)), zlib.compress(DEPTH)), "size and shape"),
        (header(1) + frame(pose(0), 1, jpeg(), zlib.compress(DEPTH[:-1])), "2320 bytes, 2400"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path, data: bytes, sentence: str) -> None:
    file = write(tmp_path / "bad.sens", data)
    with pytest.raises(RecordingError, match=sentence):
        list(open_recording(file, up="z").frames())


def test_depth_that_unpacks_to_too_much_takes_no_memory(tmp_path) -> None:
    bomb = zlib.compress(bytes(200_000_000))
    file = write(tmp_path / "bomb.sens", header(1) + frame(pose(0), 1, jpeg(), bomb))
    recording = open_recording(file, up="z")
    tracemalloc.start()
    with pytest.raises(RecordingError, match="2401 bytes, 2400 are needed"):
        list(recording.frames())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_damaged_bytes_end_in_a_sentence(tmp_path) -> None:
    whole = content([pose(0), pose(1)])
    choose = random.Random(3)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[choose.randrange(len(damaged))] ^= 1 << choose.randrange(8)
        file = write(tmp_path / "damaged.sens", bytes(damaged))
        try:
            for recorded in open_recording(file, up="z").frames():
                to_frame(recorded)
        except RecordingError as error:
            assert "damaged.sens" in str(error)
