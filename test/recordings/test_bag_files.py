"""Bags as people have them: without metadata, cut off, compressed, damaged, of ROS 1."""

from __future__ import annotations

import logging
import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionMode
from support.bags import (
    CLOUDS,
    PLACED,
    START_S,
    Event,
    camera_info,
    cloud,
    color,
    depth,
    transform,
    write,
    write_ros1,
)

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame

FILES = {"mcap": "bag.mcap", "sqlite3": "bag.db3"}
POSITIONS = [12.5, 15.0, 17.5]  # of the three clouds along x


def positions(path: Path) -> list[float]:
    return [frame.map_from_sensor[0, 3] for frame in open_recording(path).frames()]


@pytest.mark.parametrize("storage", FILES)
@pytest.mark.parametrize("metadata", [None, ""])
def test_the_only_file_of_a_folder_is_read_without_metadata(tmp_path, storage, metadata):
    folder = write(tmp_path / "bag", PLACED + CLOUDS, storage=storage)
    (folder / "metadata.yaml").unlink()
    if metadata is not None:
        (folder / "metadata.yaml").write_text(metadata)
    assert positions(folder) == pytest.approx(POSITIONS)
    assert positions(folder / FILES[storage]) == pytest.approx(POSITIONS)


def test_several_files_without_metadata_are_refused_with_a_remedy(tmp_path):
    folder = write(tmp_path / "bag", PLACED + CLOUDS)
    (folder / "metadata.yaml").unlink()
    shutil.copy(folder / "bag.mcap", folder / "bag_1.mcap")
    with pytest.raises(RecordingError, match=r"bag\.mcap, bag_1\.mcap.*`ros2 bag reindex"):
        open_recording(folder)


@pytest.mark.parametrize("storage", FILES)
@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_compressed_bags_are_read_without_their_metadata(tmp_path, storage, mode):
    folder = write(tmp_path / "bag", PLACED + CLOUDS, storage=storage, compression=mode)
    assert positions(folder) == pytest.approx(POSITIONS)
    (file,) = (path for path in folder.iterdir() if path.name != "metadata.yaml")
    assert positions(file) == pytest.approx(POSITIONS)


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path):
    folder = write(tmp_path / "bag", PLACED + CLOUDS, compression=CompressionMode.FILE)
    (file,) = folder.glob("*.zstd")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(RecordingError, match="cannot be unpacked"):
        open_recording(file)


def big_cloud(seconds: float) -> Event:
    """A cloud that fills an MCAP chunk of its own."""
    message = cloud(seconds)
    count = 70_000
    message.width, message.row_step = count, 16 * count
    message.data = np.resize(message.data, 16 * count)
    return seconds, "/points", message


@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_cut_mcap_is_read_up_to_the_cut(tmp_path, caplog, with_metadata):
    clouds = [big_cloud(START_S + 0.1 * n) for n in range(1, 9)]
    folder = write(tmp_path / "bag", PLACED + clouds)
    assert len(positions(folder)) == 8
    content = (folder / "bag.mcap").read_bytes()
    (folder / "bag.mcap").write_bytes(content[: int(len(content) * 0.7)])
    if not with_metadata:
        (folder / "metadata.yaml").unlink()
    with caplog.at_level(logging.WARNING):
        found = positions(folder)
    assert found == pytest.approx([11, 12, 13, 14])  # the transform of the fifth is lost
    assert caplog.text.count("`mcap recover") == 1
    assert "1 frames left out" in caplog.text


@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_cut_database_is_read_up_to_the_cut(tmp_path, caplog, with_metadata):
    clouds = [big_cloud(START_S + 0.1 * n) for n in range(1, 9)]
    folder = write(tmp_path / "bag", PLACED + clouds, storage="sqlite3")
    assert len(positions(folder)) == 8
    content = (folder / "bag.db3").read_bytes()
    (folder / "bag.db3").write_bytes(content[: int(len(content) * 0.7)])
    if not with_metadata:
        (folder / "metadata.yaml").unlink()
    for path in (folder, folder / "bag.db3"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = positions(path)
        # Five clouds are whole, but the fifth has no transform behind it.
        assert found == pytest.approx([11, 12, 13, 14])
        assert caplog.text.count("its first 11 messages are whole") == 1
        assert "`sqlite3" in caplog.text and "1 frames left out" in caplog.text


@pytest.mark.parametrize("size", [4096, 5 * 4096, 40_000])
def test_a_database_cut_before_its_messages_is_refused_with_a_remedy(tmp_path, size):
    folder = write(tmp_path / "bag", [big_cloud(START_S)], storage="sqlite3")
    file = folder / "bag.db3"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(RecordingError, match=r"cannot be read .*`sqlite3 .*bag\.db3 \.recover"):
        open_recording(file)


def test_every_cut_of_a_database_ends_well(tmp_path):
    """Frames of a cut database are the first ones of the whole, at any cut."""
    clouds = [big_cloud(START_S + 0.1 * n) for n in range(1, 9)]
    small = [
        (s + 0.02, f"/a{n}", transform(s, "a", "b", 0.0)) for n, (s, _, _) in enumerate(clouds)
    ]
    folder = write(tmp_path / "bag", PLACED + clouds + small, storage="sqlite3")
    whole, content = positions(folder), (folder / "bag.db3").read_bytes()
    choose = random.Random(2)
    for _ in range(25):
        (folder / "bag.db3").write_bytes(content[: choose.randrange(len(content))])
        try:
            found = positions(folder)
        except RecordingError as error:
            assert "sqlite3" in str(error) or "no frame can be placed" in str(error)
            assert "malformed" not in str(error)
        else:
            assert found == whole[: len(found)]


def test_messages_left_in_a_write_ahead_log_are_told_of(tmp_path, caplog):
    folder = write(tmp_path / "bag", PLACED + CLOUDS, storage="sqlite3")
    (folder / "bag.db3-wal").write_bytes(b"left by a recorder that was killed")
    with caplog.at_level(logging.WARNING):
        assert len(positions(folder)) == 3
    assert "bag.db3-wal holds messages that are not read; `sqlite3 " in caplog.text


def camera_frames() -> list[Event]:
    messages = [("depth", depth(START_S + 0.3, 1500)), ("color", color(START_S + 0.3, 90))]
    return [
        *PLACED,
        (START_S, "/cam/camera_info", camera_info(START_S)),
        *((START_S + 0.3, f"/cam/{kind}", message) for kind, message in messages),
    ]


def test_ros1_bags_hold_the_same(tmp_path):
    old = write_ros1(tmp_path / "room.bag", PLACED + CLOUDS)
    assert positions(old) == pytest.approx(POSITIONS)
    new = write(tmp_path / "camera", camera_frames())
    old = write_ros1(tmp_path / "camera.bag", camera_frames())
    (one,), (other,) = (map(to_frame, open_recording(path).frames()) for path in (new, old))
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.colors, other.colors)
    np.testing.assert_array_equal(one.map_from_sensor, other.map_from_sensor)


def test_an_interrupted_ros1_recording_names_its_remedy(tmp_path):
    bag = write_ros1(tmp_path / "room.bag", PLACED + CLOUDS)
    bag.write_bytes(bag.read_bytes()[:5000])
    active = bag.rename(tmp_path / "room.bag.active")
    shutil.copy(active, bag)
    for path in (bag, active):
        with pytest.raises(RecordingError, match=r"`rosbag reindex"):
            list(open_recording(path).frames())


def read_all(path: Path) -> None:
    for frame in open_recording(path).frames():
        to_frame(frame)


@pytest.mark.parametrize("storage", FILES)
def test_damaged_bytes_end_in_a_sentence(tmp_path, storage):
    folder = write(tmp_path / "bag", camera_frames(), storage=storage)
    file = folder / FILES[storage]
    content = file.read_bytes()
    choose = random.Random(1)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(4):
            damaged[choose.randrange(len(damaged))] ^= 1 << choose.randrange(8)
        file.write_bytes(damaged)
        try:
            read_all(file)
        except RecordingError as error:
            refused += 1
            assert str(error)
    assert 0 < refused < 60


@pytest.mark.parametrize("claim", [2**40, 2**63, 2**64 - 1])
def test_records_that_claim_to_be_huge_end_in_a_sentence(tmp_path, claim):
    folder = write(tmp_path / "bag", PLACED + CLOUDS)
    file = folder / "bag.mcap"
    damaged = bytearray(file.read_bytes())
    (summary,) = struct.unpack_from("<Q", damaged, len(damaged) - 28)
    struct.pack_into("<Q", damaged, summary + 1, claim)
    file.write_bytes(damaged)
    with pytest.raises(RecordingError, match=r"cannot be read as a bag.*mcap recover"):
        read_all(file)
