"""Heights and surface shape of voxels: known surfaces, a slow twin, laws."""

import numpy as np
import pytest
import torch

from seg3d_ros.networks.mini.local_shape import floor_levels, heights, surface_shape
from seg3d_ros.sparse.kernel_map import submanifold_map
from seg3d_ros.sparse.voxelize import voxelize

VOXEL_M = 0.04


def voxels_of(points, sizes=None):
    found = voxelize(points, points, voxel_size=VOXEL_M, sizes=sizes).voxels
    inside = found.features / VOXEL_M - found.grid.coordinates[:, 1:] - 0.5
    return found.grid, found.features, inside


def cloud(*scale, count=4000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, generator=generator) * torch.tensor(scale)


def test_shape_agrees_with_the_eigenvalues_of_the_covariance():
    grid, mean, inside = voxels_of(cloud(0.5, 0.4, 0.3, count=600))
    shape = surface_shape(grid, inside)
    table = submanifold_map(grid, 3).table.t().long()
    seen = 0
    for row in range(0, len(mean), 7):
        near = mean[table[row][table[row] >= 0]].double() / VOXEL_M
        if len(near) < 4:
            assert shape[row].tolist() == [0, 0, 0]
            continue
        covariance = torch.cov(near.t(), correction=0)
        a, b, c = torch.linalg.eigvalsh(covariance).tolist()
        trace = a + b + c
        expected = [
            covariance[2, 2].item() / trace,
            3 * (a * b + a * c + b * c) / trace**2,
            max(27 * a * b * c / trace**3, 0) ** 0.5,
        ]
        assert shape[row].tolist() == pytest.approx(expected, abs=2e-3)
        seen += 1
    assert seen > 50


def test_a_floor_is_flat_and_level_and_a_wall_is_flat_and_steep():
    floor, wall = (cloud(*size) for size in ((1.5, 1.5, 0.0), (0.0, 1.5, 1.5)))
    for points, vertical in ((floor + 0.01, 0.0), (wall + 0.01, 0.5)):
        grid, _, inside = voxels_of(points)
        shape = surface_shape(grid, inside).median(dim=0).values
        assert shape[0].item() == pytest.approx(vertical, abs=0.03)
        assert shape[1].item() == pytest.approx(0.75, abs=0.03)
        assert shape[2].item() < 0.01


def test_shape_and_heights_stay_when_the_scene_turns_about_the_vertical():
    points = cloud(0.6, 0.6, 0.6)
    turned = torch.stack([-points[:, 1], points[:, 0], points[:, 2]], dim=1)
    grid, _, inside = voxels_of(points)
    other_grid, _, other_inside = voxels_of(turned)
    rows = {tuple(c): i for i, c in enumerate(other_grid.coordinates[:, 1:].tolist())}
    to = [rows[(-1 - y, x, z)] for x, y, z in grid.coordinates[:, 1:].tolist()]
    here, there = surface_shape(grid, inside), surface_shape(other_grid, other_inside)
    torch.testing.assert_close(here, there[to], atol=2e-4, rtol=0)


def test_heights_above_the_floor_and_above_what_is_near():
    floor = cloud(6.0, 1.0, 0.0, count=40_000)
    table = cloud(0.5, 0.5, 0.0) + torch.tensor([0.2, 0.2, 0.7])
    platform = cloud(1.0, 1.0, 0.0) + torch.tensor([9.0, 0.0, 0.4])
    ghost = torch.tensor([[3.0, 0.5, -2.0]])  # one wrong point below the floor
    grid, mean, _ = voxels_of(torch.cat([floor, table, platform, ghost]))
    above = heights(grid, mean)
    on_table = (mean[:, 2] > 0.6) & (mean[:, 0] < 1)
    on_platform = mean[:, 0] > 8
    assert above[on_table].mean(0).tolist() == pytest.approx([0.7, 0.7], abs=0.01)
    assert above[on_platform].mean(0).tolist() == pytest.approx([0.4, 0.0], abs=0.01)


def test_the_floor_is_where_most_of_the_lowest_points_are():
    floor = torch.randn(3000, generator=torch.Generator().manual_seed(0)) * 0.002 + 1.237
    noise, room = torch.linspace(1.18, 1.23, 40), torch.rand(5000) * 2.5 + 1.24
    z = torch.cat([noise, floor, room, floor + 4])
    sizes = (len(noise) + len(floor) + len(room), len(floor))
    levels = floor_levels(z, sizes)
    assert levels[0].item() == pytest.approx(1.237, abs=0.004)
    assert levels[-1].item() == pytest.approx(5.237, abs=0.004)
    assert len(levels.unique()) == 2


def test_each_scene_of_a_batch_has_its_own_floor():
    low, high = cloud(1.0, 1.0, 0.0), cloud(1.0, 1.0, 0.0) + torch.tensor([0.0, 0.0, 5.0])
    grid, mean, _ = voxels_of(torch.cat([low, high]), sizes=(len(low), len(high)))
    assert np.abs(heights(grid, mean).numpy()).max() < 1e-4
