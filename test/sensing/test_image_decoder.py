"""Images of every encoding equal the pixels they were made from."""

import io

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.sensing.image_decoder import (
    ImageError,
    decode_color,
    decode_compressed,
    decode_depth,
)

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 9
ALPHA = np.full((2, 3, 1), 77, np.uint8)
ENCODED = {
    "rgb8": RGB,
    "bgr8": RGB[..., ::-1],
    "rgba8": np.concatenate([RGB, ALPHA], axis=2),
    "bgra8": np.concatenate([RGB[..., ::-1], ALPHA], axis=2),
    "8UC3": RGB[..., ::-1],
    "8UC4": np.concatenate([RGB[..., ::-1], ALPHA], axis=2),
    "rgb16": RGB.astype("<u2") * 257 + np.uint16(100),
    "bgr16": RGB[..., ::-1].astype("<u2") * 257,
    "rgba16": np.concatenate([RGB, ALPHA], axis=2).astype("<u2") * 257,
    "bgra16": np.concatenate([RGB[..., ::-1], ALPHA], axis=2).astype("<u2") * 257,
}
# Corners and primaries of the colour cube in BT.601 with luma from 16 to 235.
YUV = {
    (0, 0, 0): (16, 128, 128),
    (255, 255, 255): (235, 128, 128),
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
}


def padded(image: np.ndarray, pad: int) -> tuple[int, bytes]:
    """(step, bytes) of an image whose rows end in `pad` bytes of garbage."""
    rows = np.ascontiguousarray(image).view(np.uint8).reshape(len(image), -1)
    rows = np.pad(rows, ((0, 0), (0, pad)), constant_values=255)
    return rows.shape[1], rows.tobytes()


@pytest.mark.parametrize("pad", [0, 5])
@pytest.mark.parametrize("encoding", ENCODED)
def test_colour_encodings(encoding: str, pad: int) -> None:
    step, data = padded(ENCODED[encoding], pad)
    np.testing.assert_array_equal(decode_color(encoding, 2, 3, step, data), RGB)


def test_mono_becomes_grey() -> None:
    image = decode_color("mono8", 2, 3, 3, bytes(range(6)))
    assert image.shape == (2, 3, 3)
    np.testing.assert_array_equal(image[1, 2], [5, 5, 5])


def test_colour_of_sixteen_bits_of_either_byte_order() -> None:
    image = RGB.astype(">u2") * 257
    colors = decode_color("rgb16", 2, 3, 18, image.tobytes(), is_bigendian=True)
    np.testing.assert_array_equal(colors, RGB)


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
@pytest.mark.parametrize("rgb", YUV)
def test_pairs_of_pixels_that_share_their_chroma(encoding: str, rgb: tuple) -> None:
    y, u, v = YUV[rgb]
    pairs = [y, u, y, v] if "yuy" in encoding else [u, y, v, y]
    step, data = padded(np.array([pairs * 2] * 3, np.uint8), 2)
    image = decode_color(encoding, 3, 4, step, data)
    np.testing.assert_allclose(image, np.broadcast_to(rgb, (3, 4, 3)), atol=2)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "grbg", "gbrg", "bggr"])
def test_bayer_mosaics(pattern: str, bits: int) -> None:
    v, u = np.mgrid[:12, :16]
    truth = np.stack([40 + 8 * u, 60 + 10 * v, 20 + 5 * u + 6 * v], axis=-1)
    tile = np.array([["rgb".index(c) for c in pattern[:2]], ["rgb".index(c) for c in pattern[2:]]])
    mosaic = np.take_along_axis(truth, np.tile(tile, (6, 8))[..., None], axis=-1)[..., 0]
    data = (mosaic * (257 if bits == 16 else 1)).astype(f"<u{bits // 8}")
    image = decode_color(f"bayer_{pattern}{bits}", 12, 16, data.strides[0], data.tobytes())
    # Bilinear interpolation is exact on linear ramps, but for rounding and the border.
    np.testing.assert_allclose(image[1:-1, 1:-1], truth[1:-1, 1:-1], atol=1)
    np.testing.assert_allclose(image, truth, atol=11)


def test_colour_is_a_view() -> None:
    data = bytearray(18)
    image = decode_color("bgr8", 2, 3, 9, data)
    data[0] = 200
    assert image[0, 0, 2] == 200


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("encoding", "kind"), [("16UC1", "u2"), ("32FC1", "f4")])
def test_depth_encodings(encoding: str, kind: str, big: bool) -> None:
    depth = np.array([[0, 1, 2], [3000, 4, 65535]], (">" if big else "<") + kind)
    step, data = padded(depth, 3)
    image, unit = decode_depth(encoding, 2, 3, step, data, is_bigendian=big)
    np.testing.assert_array_equal(image, depth)
    assert image.dtype.isnative and image.flags.aligned
    assert unit == (0.001 if kind == "u2" else 1.0)


def test_compressed_images() -> None:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG")
    np.testing.assert_array_equal(decode_compressed(file.getvalue()), RGB)


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_broken_compressed_images_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be decoded"):
        decode_compressed(data)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nv21", 2, 3, 9, bytes(18)), "'nv21' is not understood; use one of rgb8, .*bayer_rggb8"),
        (("yuv422", 2, 3, 9, bytes(18)), "3 wide"),
        (("rgb8", 0, 3, 9, bytes(18)), "3 x 0"),
        (("rgb8", 2, 100_000, 300_000, bytes(18)), "100000"),
        (("rgb8", 2, 3, 8, bytes(18)), "step 8"),
        (("rgb8", 2, 3, 9, bytes(17)), "17 bytes"),
    ],
)
def test_errors_name_the_wrong_value(arguments: tuple, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        decode_color(*arguments)
