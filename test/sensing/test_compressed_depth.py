"""Compressed depth equals the image that was compressed."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.sensing.compressed_depth import decode_compressed_depth
from seg3d_ros.sensing.image_decoder import ImageError

DEPTH = np.random.default_rng(1).integers(0, 65536, (9, 13)).astype(np.uint16)
DEPTH[2:5, :7] = 0
DEPTH[6] = np.arange(13) + 2000


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def rvl(image: np.ndarray) -> bytes:
    """The method of Wilson (2017), written for this test."""
    values, nibbles, place, previous = image.ravel().tolist(), [], 0, 0

    def put(number: int) -> None:
        while True:
            number, low = number >> 3, number & 7
            nibbles.append(low | 8 if number else low)
            if not number:
                return

    while place < len(values):
        start = place
        while place < len(values) and not values[place]:
            place += 1
        put(place - start)
        start = place
        while place < len(values) and values[place]:
            place += 1
        put(place - start)
        for value in values[start:place]:
            delta, previous = value - previous, value
            put(delta << 1 if delta >= 0 else (-delta << 1) - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        sum(nibble << (28 - 4 * i) for i, nibble in enumerate(nibbles[n : n + 8]))
        for n in range(0, len(nibbles), 8)
    ]
    return struct.pack("<II", image.shape[1], image.shape[0]) + np.array(words, "<u4").tobytes()


def header(scale: float = 0.0, shift: float = 0.0) -> bytes:
    return struct.pack("<iff", 0, scale, shift)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("16UC1; compressedDepth png", header() + png(DEPTH)),
        ("16UC1; compressedDepth", header() + png(DEPTH)),
        ("16UC1; compressedDepth rvl", header() + rvl(DEPTH)),
        ("16UC1; png compressed ", png(DEPTH)),
        ("16UC1", png(DEPTH)),
        ("", png(DEPTH)),
    ],
)
def test_millimetres_come_back_exactly(form, data):
    depth, unit = decode_compressed_depth(form, data)
    np.testing.assert_array_equal(depth, DEPTH)
    assert depth.dtype == np.uint16 and unit == 0.001


@pytest.mark.parametrize("kind", ["png", "rvl"])
def test_metres_come_back_as_quantised_inverse_depth(kind):
    metres = np.linspace(0.3, 9.5, 9 * 13, dtype=np.float32).reshape(9, 13)
    scale = 100.0 * 101.0
    shift = 1 - scale / 10.0
    stored = (scale / metres + shift).astype(np.uint16)
    stored[0, 0] = 0
    data = header(scale, shift) + {"png": png, "rvl": rvl}[kind](stored)
    depth, unit = decode_compressed_depth(f"32FC1; compressedDepth {kind}", data)
    assert depth.dtype == np.float32 and unit == 1.0
    assert np.isnan(depth[0, 0])
    # One step of the code is z² / scale.
    error = np.abs(depth - metres).ravel()[1:]
    assert (error <= 1.01 * metres.ravel()[1:] ** 2 / scale).all()


@pytest.mark.parametrize(
    ("form", "data", "words"),
    [
        ("bgr8; jpeg compressed bgr8", png(DEPTH), "'bgr8; jpeg compressed bgr8' is not"),
        ("16UC1; compressedDepth png", b"12345", "5 bytes"),
        ("16UC1; compressedDepth png", header() + b"no image", "cannot be decoded"),
        ("16UC1; compressedDepth png", header() + png(DEPTH)[:60], "cannot be decoded"),
        ("16UC1; compressedDepth png", header() + png(DEPTH.astype(np.uint8)), "16 bits"),
        ("16UC1; compressedDepth rvl", header() + rvl(DEPTH)[:6], "cut short"),
        ("16UC1; compressedDepth rvl", header() + rvl(DEPTH)[:-20], "damaged"),
        ("16UC1; compressedDepth rvl", header() + b"\xff" * 40, "4294967295"),
        ("16UC1; compressedDepth rvl", header() + struct.pack("<II", 4, 4) + b"\xff" * 40, "dam"),
        ("32FC1; png compressed ", png(DEPTH), "bare PNG"),
    ],
)
def test_damage_is_named(form, data, words):
    with pytest.raises(ImageError, match=words):
        decode_compressed_depth(form, data)
