"""Crops: where the square lies, and what it shows."""

import numpy as np
import pytest

from seg3d_ros.imaging.crops import square_crop, stretched_crop


@pytest.fixture
def picture() -> np.ndarray:
    """100 rows and 200 columns; red counts columns, green counts rows."""
    y, x = np.mgrid[:100, :200]
    return np.stack([x, y, 0 * x], axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("box", "columns", "rows"),
    [
        ((80, 30, 120, 50), (80, 120), (20, 60)),  # widest side, same middle
        ((0, 10, 20, 50), (0, 40), (10, 50)),  # moved back into the picture
        ((180, 70, 200, 100), (170, 200), (70, 100)),
        ((20, 0, 180, 100), (20, 180), (0, 100)),  # higher than the picture: stretched
        ((99, 49, 101, 51), (88, 112), (38, 62)),  # no smaller than 24 pixels
    ],
)
def test_a_crop_is_the_square_around_the_box(picture, box, columns, rows) -> None:
    crop = square_crop(picture, box, 64)
    assert crop.shape == (64, 64, 3)
    crop = crop[..., :2].astype(float)
    middle = crop[32, 32]
    assert middle == pytest.approx([np.mean(columns), np.mean(rows)], abs=2)
    width, height = columns[1] - columns[0], rows[1] - rows[0]
    blur = 1 + max(width, height) / 40
    assert crop[0, 0] == pytest.approx([columns[0], rows[0]], abs=blur)
    assert crop[-1, -1] == pytest.approx([columns[1], rows[1]], abs=blur)


def test_a_stretched_crop_shows_the_box_alone(picture) -> None:
    crop = stretched_crop(picture, (80, 30, 120, 50), 64)[..., :2].astype(float)
    assert crop.shape == (64, 64, 2)
    assert crop[0, 0] == pytest.approx([80, 30], abs=1) and crop[-1, -1] == pytest.approx(
        [120, 50], abs=1
    )
