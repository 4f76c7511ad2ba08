from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.sparse.scene_voxels import (
    point_spacing,
    supported_voxel_size,
    typical_occupancy,
    voxelize_points,
)


def plane(spacing, *, jitter=0.0):
    """Points on 2 m x 2 m, `spacing` apart, inside one layer of voxels."""
    steps = np.arange(0, 2, spacing)
    points = np.stack(
        [*(a.ravel() for a in np.meshgrid(steps, steps)), np.full(len(steps) ** 2, 0.01)], 1
    )
    points += np.random.default_rng(0).uniform(-jitter, jitter, points.shape) * (1, 1, 0)
    return points.astype(np.float32)


def voxels(points, size=0.02):
    return voxelize_points(points, np.zeros_like(points), size)[0]


@pytest.mark.parametrize("jitter", [0.0, 0.005])
@pytest.mark.parametrize("spacing", [0.005, 0.03, 0.1])
def test_the_spacing_of_a_grid_is_measured(spacing, jitter):
    assert point_spacing(plane(spacing, jitter=jitter)) == pytest.approx(spacing, rel=0.25)


@pytest.mark.parametrize("samples", [4, 12])
def test_a_dense_or_randomly_sampled_surface_keeps_its_voxels(samples):
    points = np.random.default_rng(0).uniform(0, 2, (10_000 * samples, 3)).astype(np.float32)
    points[:, 2] = 0.01
    scene = voxels(points)
    assert typical_occupancy(scene) >= 23
    assert supported_voxel_size(scene) == 0.02


@pytest.mark.parametrize(("spacing", "low", "high"), [(0.03, 0.03, 0.042), (0.06, 0.06, 0.085)])
def test_points_farther_apart_get_voxels_that_they_fill(spacing, low, high):
    points = plane(spacing, jitter=0.003)
    size = supported_voxel_size(voxels(points))
    assert low <= size <= high
    assert typical_occupancy(voxels(points, size)) >= 16


def test_a_handful_of_points_says_nothing():
    points = np.eye(3, dtype=np.float32)
    assert point_spacing(points) == np.inf
    assert supported_voxel_size(voxels(points)) == 0.02
    assert supported_voxel_size(voxels(points[:1])) == 0.02
