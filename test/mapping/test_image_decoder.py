"""Images of every encoding equal the pixels they were made from."""

import io

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.mapping.image_decoder import (
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
        (("yuv422", 2, 3, 9, bytes(18)), "'yuv422' is not understood"),
        (("rgb8", 0, 3, 9, bytes(18)), "3 x 0"),
        (("rgb8", 2, 100_000, 300_000, bytes(18)), "100000"),
        (("rgb8", 2, 3, 8, bytes(18)), "step 8"),
        (("rgb8", 2, 3, 9, bytes(17)), "17 bytes"),
    ],
)
def test_errors_name_the_wrong_value(arguments: tuple, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        decode_color(*arguments)
