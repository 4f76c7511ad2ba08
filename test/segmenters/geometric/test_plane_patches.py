"""Rugs and pictures, told from the plane they lie on by their colour."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.networks.kinds import FLOOR, WALL
from seg3d_ros.segmenters.geometric.plane_patches import plane_patches
from seg3d_ros.segmenters.geometric.structure import Structure

VOXEL = 0.04
WOOD, BLUE, WHITE = (0.6, 0.4, 0.25), (0.15, 0.3, 0.6), (0.9, 0.85, 0.75)
KINDS = {"floor": FLOOR, "wall": WALL}


def plane(kind: str, cells: int = 80):
    """Points of a square, turned if it is a wall, their cells, and its structure."""
    u, v = (grid.ravel() for grid in np.meshgrid(np.arange(cells), np.arange(cells)))
    along = VOXEL * (u + 0.5)
    other = VOXEL * (v + 0.5)
    flat = np.zeros(len(u))
    points = np.column_stack([along, other, flat])
    if kind == "wall":
        points = np.column_stack([0.8 * along, 0.6 * along, other])
    count = len(points)
    number = 0 if kind == "wall" else -1
    return points, u, v, Structure(np.full(count, KINDS[kind]), np.full(count, number))


def wood(count: int) -> np.ndarray:
    grain = np.random.default_rng(0).normal(0, 0.03, (count, 1))
    return np.clip(np.array(WOOD) + grain, 0, 1).astype(np.float32)


def found(points, colors, structure):
    return plane_patches(points, colors.astype(np.float32), structure, VOXEL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_on_a_plane_is_one_patch(kind):
    points, u, v, structure = plane(kind)
    inside = (u >= 20) & (u < 50) & (v >= 30) & (v < 52)
    colors = wood(len(points))
    colors[inside] = BLUE
    colors[inside & (u % 6 < 2)] = WHITE
    patches = found(points, colors, structure)
    assert len(patches.masks) == 1
    (mask,) = patches.masks
    assert (mask & inside).sum() / (mask | inside).sum() > 0.9
    assert patches.fills[0] > 0.85


def test_a_strip_that_runs_around_the_plane_is_no_patch():
    points, u, v, structure = plane("floor")
    colors = wood(len(points))
    colors[np.minimum(np.minimum(u, 79 - u), np.minimum(v, 79 - v)) < 3] = WHITE
    assert len(found(points, colors, structure).masks) == 0


def test_a_plane_of_one_colour_and_a_shadow_have_none():
    points, u, _, structure = plane("floor")
    assert len(found(points, np.full((len(points), 3), 0.5), structure).masks) == 0
    shaded = wood(len(points)) * (0.75 + 0.25 * u / 80)[:, None]
    assert len(found(points, shaded, structure).masks) == 0


def test_things_and_small_planes_are_left_alone():
    points, _, _, structure = plane("floor", cells=20)
    assert len(found(points, wood(len(points)), structure).masks) == 0
    nothing = Structure(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert found(np.zeros((0, 3)), np.zeros((0, 3)), nothing).masks.shape == (0, 0)
