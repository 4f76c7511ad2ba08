"""Colour and depth find their partners."""

from seg3d_ros.node.pairing import KEPT, StampPairer

COLOR, DEPTH = 0, 1


def pairs_of(pairer: StampPairer, arrivals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Feed (side, stamp) arrivals whose message is their stamp; collect the pairs."""
    found = (pairer.add(side, stamp, stamp) for side, stamp in arrivals)
    return [pair for pair in found if pair is not None]


def test_equal_stamps_pair_at_once_in_either_order() -> None:
    arrivals = [(COLOR, 1), (DEPTH, 1), (DEPTH, 2), (COLOR, 2)]
    assert pairs_of(StampPairer(0), arrivals) == [(1, 1), (2, 2)]


def test_an_exact_partner_beats_a_near_one() -> None:
    arrivals = [(DEPTH, 100), (COLOR, 98), (COLOR, 100)]
    assert pairs_of(StampPairer(5), arrivals) == [(100, 100)]


def test_near_stamps_pair_when_nothing_nearer_can_come() -> None:
    pairer = StampPairer(10)
    assert pairs_of(pairer, [(COLOR, 0), (DEPTH, 4)]) == []
    assert pairs_of(pairer, [(COLOR, 33)]) == [(0, 4)]
    assert pairs_of(pairer, [(DEPTH, 37), (COLOR, 66)]) == [(33, 37)]


def test_stamps_beyond_the_slop_never_pair() -> None:
    arrivals = [(side, 100 * i + 50 * side) for i in range(20) for side in (COLOR, DEPTH)]
    pairer = StampPairer(10)
    assert pairs_of(pairer, arrivals) == []
    assert pairer.unpaired == 40 - 2 * KEPT


def test_a_lost_image_costs_one_pair() -> None:
    arrivals = [(COLOR, 1), (COLOR, 2), (DEPTH, 2), (DEPTH, 3), (COLOR, 3)]
    pairer = StampPairer(0)
    assert pairs_of(pairer, arrivals) == [(2, 2), (3, 3)]
    assert pairer.unpaired == 1


def test_time_going_back_starts_anew() -> None:
    arrivals = [(COLOR, 1000), (COLOR, 5), (DEPTH, 5)]
    assert pairs_of(StampPairer(0), arrivals) == [(5, 5)]
