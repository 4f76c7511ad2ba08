from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.viewer.picking import first_hit

# Two walls across x, at 2 m and at 3 m, of points 2 cm apart.
AXIS = np.arange(-0.5, 0.5, 0.02)
Y, Z = (values.ravel() for values in np.meshgrid(AXIS, AXIS))
WALLS = np.concatenate([np.stack([np.full_like(Y, x), Y, Z], -1) for x in (2.0, 3.0)])
WALLS = WALLS.astype(np.float32)


def hit(origin, direction, ceiling=np.inf):
    arrays = (np.array(v, np.float64) for v in (origin, direction))
    return first_hit(WALLS, *arrays, radius=0.012, ceiling=ceiling)


def test_the_nearest_wall_is_hit():
    assert WALLS[hit((0, 0, 0), (1, 0, 0))].tolist() == pytest.approx([2, 0, 0], abs=0.02)
    assert WALLS[hit((4, 0, 0), (-1, 0, 0))].tolist() == pytest.approx([3, 0, 0], abs=0.02)
    assert WALLS[hit((0, 0, 0), (2, 0.3, 0.2))].tolist() == pytest.approx([2, 0.3, 0.2], abs=0.02)


def test_nothing_is_hit_beside_and_behind():
    assert hit((0, 0, 0), (0, 1, 0)) == -1
    assert hit((4, 0, 0), (1, 0, 0)) == -1


def test_what_is_cut_off_is_not_hit():
    assert WALLS[hit((0, 0, 0.6), (2, 0, -0.3), ceiling=0.2)][0] == 3
    assert hit((0, 0, 0.45), (1, 0, 0), ceiling=0.2) == -1


@pytest.mark.parametrize("direction", [(0, 0, 0), (np.nan, 0, 0), (np.inf, 0, 0)])
def test_absurd_rays_hit_nothing(direction):
    assert hit((0, 0, 0), direction) == -1
    assert hit((np.nan, 0, 0), (1, 0, 0)) == -1
