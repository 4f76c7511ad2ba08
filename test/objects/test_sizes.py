"""Sizes and heights as a witness; floors, walls and ceilings by geometry."""

import numpy as np
import pytest

from seg3d_ros.objects.box import Box
from seg3d_ros.objects.sizes import floor_height, measure, size_likelihoods, structure_of
from seg3d_ros.text.known_words import STRUCTURE, typical_sizes

FLOOR, WALL, CEILING = range(len(STRUCTURE))
NAMES = [row.name for row in typical_sizes()]


def box(length: float, width: float, height: float, *, bottom: float) -> Box:
    return Box(np.array([0, 0, bottom + height / 2]), np.array([length, width, height]), 0.0)


def level(size: tuple[float, float], z: float) -> np.ndarray:
    x, y = np.meshgrid(np.arange(0, size[0], 0.02), np.arange(0, size[1], 0.02))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1).astype(np.float32)


def test_the_floor_is_the_lowest_large_level_surface() -> None:
    table, ground = level((1.0, 0.8), 0.75), level((2.0, 1.5), 0.02)
    found = floor_height(np.concatenate([table, ground]), 0.02)
    assert found == pytest.approx(0.02, abs=0.03)
    assert floor_height(table, 0.02) is None  # of 0.8 m²
    assert floor_height(np.empty((0, 3), np.float32), 0.02) is None


def test_each_row_of_the_table_fits_a_thing_of_its_size_best() -> None:
    rows = typical_sizes()
    boxes = [box(*row.extents, bottom=row.bottom[0] + 1.0) for row in rows]
    likelihoods = size_likelihoods(measure(boxes, floor=1.0))
    assert likelihoods.shape == (len(rows), len(rows) + 1)
    np.testing.assert_allclose(np.diagonal(likelihoods), 1.0)
    assert likelihoods.max() <= 1.0


def test_height_counts_only_where_a_floor_was_seen() -> None:
    lamp = [box(0.5, 0.4, 0.3, bottom=2.2)]
    row = NAMES.index("ceiling lamp")
    other = NAMES.index("trash can")
    high, unknown = (size_likelihoods(measure(lamp, floor))[0] for floor in (0.0, None))
    assert high[row] == pytest.approx(1.0)
    assert unknown[other] > 10 * high[other]


@pytest.mark.parametrize(
    ("thing", "by_model", "word"),
    [
        (box(4.0, 3.0, 0.1, bottom=0.0), -1, FLOOR),
        (box(2.0, 1.5, 0.1, bottom=0.0), -1, -1),  # may be a rug
        (box(2.0, 1.5, 0.1, bottom=0.0), FLOOR, FLOOR),
        (box(4.0, 3.0, 0.1, bottom=0.7), FLOOR, -1),  # a large table
        (box(4.0, 3.0, 0.1, bottom=2.4), -1, CEILING),
        (box(3.0, 0.1, 2.4, bottom=0.0), WALL, WALL),
        (box(3.0, 0.1, 2.4, bottom=0.0), -1, -1),  # may be the front of a wardrobe
        (box(0.9, 0.1, 2.0, bottom=0.0), WALL, -1),  # a door
    ],
)
def test_structure_is_what_can_be_nothing_else(thing, by_model, word) -> None:
    found = structure_of(measure([thing], floor=0.0), np.array([by_model]))
    assert found.tolist() == [word]


def test_without_a_floor_nothing_is_floor_or_ceiling() -> None:
    flat = [box(4.0, 3.0, 0.1, bottom=0.0), box(3.0, 0.1, 2.4, bottom=0.0)]
    assert structure_of(measure(flat, None), np.array([FLOOR, WALL])).tolist() == [-1, WALL]
