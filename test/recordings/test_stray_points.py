"""Strays are told from the far end of a scene."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.recordings.stray_points import stray_rows

UTM = np.array([500_000.25, 4_649_776.5, 212.0])


def room(count: int = 1_000) -> np.ndarray:
    return UTM + np.random.default_rng(0).uniform(0, 5, (count, 3))


@pytest.mark.parametrize(
    "stray", [[0, 0, 0], [0, 0, 212.0], np.add(UTM, (0, 0, 900)), [1e30, 0, 0]]
)
def test_a_few_points_far_away_are_strays(stray: list[float]) -> None:
    points = np.vstack([room(), [stray] * 9])
    assert np.flatnonzero(stray_rows(points)).tolist() == list(range(1_000, 1_009))


def test_zeros_far_from_the_scene_are_strays_however_many() -> None:
    points = np.vstack([room(), np.zeros((400, 3))])
    assert np.count_nonzero(stray_rows(points)) == 400


@pytest.mark.parametrize(
    "points",
    [
        room(),
        room(1),
        np.vstack([room(), np.add(UTM, (40, 0, 0))]),  # seen through a window
        np.vstack([room(), np.add(room(50), (600, 0, 0))]),  # the other building
        np.linspace(UTM, np.add(UTM, (900, 0, 0)), 500),
        np.vstack([room() - UTM, np.zeros((400, 3))]),
    ],
)
def test_what_belongs_to_a_scene_stays(points: np.ndarray) -> None:
    assert not stray_rows(points).any()
