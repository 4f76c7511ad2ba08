from __future__ import annotations

import numpy as np

from seg3d_ros.pictures.palette import color_of

IDS = range(1, 61)


def luminance(rgb: np.ndarray) -> float:
    """Relative luminance of WCAG 2."""
    encoded = rgb / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_the_colour_of_an_id_never_changes():
    assert [color_of(n).tolist() for n in (1, 2, 4_000_000_000)] == [
        [0, 156, 118],
        [215, 166, 253],
        [201, 88, 62],
    ]


def test_readable_on_black_and_on_white():
    for number in IDS:
        light = luminance(color_of(number))
        assert (light + 0.05) / 0.05 > 3  # on black
        assert 1.05 / (light + 0.05) > 1.4  # on white


def test_neighbouring_ids_differ_plainly():
    colors = np.array([color_of(number) for number in IDS], float)
    for step in (1, 2, 3, 4):
        assert np.linalg.norm(colors[step:] - colors[:-step], axis=1).min() > 40
    assert len(np.unique(colors, axis=0)) == len(colors)
