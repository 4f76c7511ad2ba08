import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.synthesis.boxes import Boxes


def box(x=0.0, y=0.0, z=0.0, turn_deg=0.0, size=(1.0, 1.0, 1.0)) -> Boxes:
    turn, low = np.radians([turn_deg]), np.array([z])
    return Boxes.of_one_size(np.array([[x, y]]), turn, low, size=size)


def overlap(one: Boxes, other: Boxes, gap: float = 0.0) -> bool:
    found = one.overlap(other, gap=gap)
    assert found.shape == (1, 1)
    assert found == other.overlap(one, gap=gap)
    return bool(found[0, 0])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (box(0.9), True),
        (box(1.1), False),
        (box(0, -0.9), True),
        (box(0, -1.1), False),
        (box(0, 0, 0.9), True),
        (box(0, 0, 1.0), False),  # stands on it
        (box(0, 0, -1.0), False),
        (box(1.2, 0, 0, 45), True),  # its corner reaches 0.71 along x
        (box(1.25, 0, 0, 45), False),
        (box(0.9, 0.9, 0, 45), False),  # only the turned box's own axis separates them
        (box(0.8, 0.8, 0, 45), True),
        (box(0, 2, 0, 0, (9, 0.1, 1)), False),
        (box(0, 2, 0, 60, (9, 0.1, 1)), False),
        (box(0, 2, 0, 80, (9, 0.1, 1)), True),
        (box(0, 0, 0, 0, (0.1, 0.1, 0.1)), True),  # inside
    ],
)
def test_overlap_of_a_unit_cube_by_hand(other: Boxes, expected: bool) -> None:
    assert overlap(box(), other) is expected


def test_a_gap_keeps_boxes_apart() -> None:
    assert not overlap(box(), box(1.05))
    assert overlap(box(), box(1.05), gap=0.1)
    assert not overlap(box(), box(0, 0, 1.05), gap=0.1)  # horizontally only


def test_all_pairs_at_once() -> None:
    row = box().and_also(box(5)).and_also(box(10))
    found = row.overlap(row[1:])
    np.testing.assert_array_equal(found, [[False, False], [True, False], [False, True]])
    assert box().overlap(Boxes.none()).shape == (1, 0)


def test_reach_of_a_turned_box() -> None:
    np.testing.assert_allclose(box(size=(4, 2, 1)).reach(), [[2, 1]])
    np.testing.assert_allclose(box(turn_deg=90, size=(4, 2, 1)).reach(), [[1, 2]])
    np.testing.assert_allclose(box(turn_deg=45).reach(), [[np.sqrt(0.5)] * 2])


@given(
    st.tuples(*[st.floats(-1.5, 1.5)] * 2),
    st.tuples(*[st.floats(0.2, 2)] * 2),
    st.floats(0, 360),
    st.floats(0, 360),
)
def test_overlap_agrees_with_points_of_one_box_in_the_other(middle, size, turn, own_turn) -> None:
    one, other = box(turn_deg=own_turn), box(*middle, 0, turn, (*size, 1))
    steps = np.stack(np.meshgrid(*[np.linspace(-1, 1, 41)] * 2), -1).reshape(-1, 2)
    points = other.middle + (steps * other.half) @ other.axes()[0]
    inside = (np.abs((points - one.middle) @ one.axes()[0].T) < one.half).all(axis=1).any()
    near = overlap(one, other, gap=0.08)
    assert not (inside and not overlap(one, other))
    assert inside or not overlap(one, other) or near
