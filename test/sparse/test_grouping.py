import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.voxels import random_grid

from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.grouping import curve_groups, scene_groups, window_groups


def members(groups):
    """Each group as a set of rows."""
    return [set(part.tolist()) for part in groups.order.split(list(groups.lengths))]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 150), st.integers(1, 9), st.sampled_from(["zero", "x", "yz", "xyz"]))
def test_windows_hold_what_falls_into_them(count, edge, offset):
    grid = random_grid(count)
    windows = {}
    low = grid.minimum.tolist()
    shift = [round(edge / 2) * (axis in offset) for axis in "xyz"] if offset != "zero" else [0] * 3
    for row, (scene, *cell) in enumerate(grid.coordinates.tolist()):
        place = tuple((v - m + s) // edge for v, m, s in zip(cell, low, shift))
        windows.setdefault((scene, place), set()).add(row)
    found = members(window_groups(grid, edge, offset))
    assert sorted(map(sorted, found)) == sorted(map(sorted, windows.values()))


@pytest.mark.parametrize("order", ["morton_yzx", "hilbert_xyz", "random"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_patches_cut_each_scene_and_leave_a_short_tail(device, order, size):
    grid = random_grid(device=device, scenes=3)
    groups = curve_groups(grid, size, order, generator=torch.Generator().manual_seed(1))
    assert sorted(groups.order.tolist()) == list(range(len(grid)))
    scenes = [set(grid.coordinates[list(group), 0].tolist()) for group in members(groups)]
    assert all(len(scene) == 1 for scene in scenes)
    expected = [n for count in grid.scene_sizes for n in cut(count, size)]
    assert list(groups.lengths) == expected


def cut(count, size):
    return [size] * (count // size) + [count % size] * (count % size > 0)


def test_a_hilbert_patch_is_connected():
    axis = torch.arange(-2, 2)
    cells = torch.cartesian_prod(torch.zeros(1).long(), axis, axis, axis).int()
    groups = curve_groups(VoxelGrid(cells), 64, "hilbert_zxy")
    assert (cells[groups.order].diff(dim=0).abs().sum(1) == 1).all()


def test_random_patches_follow_the_generator():
    grid = random_grid()
    one, same, other = (
        curve_groups(grid, 10, "random", generator=torch.Generator().manual_seed(seed)).order
        for seed in (3, 3, 4)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_scenes_as_groups_leave_out_empty_ones():
    grid = VoxelGrid(torch.tensor([[2, 0, 0, 0], [0, 0, 0, 0], [2, 1, 0, 0]]).int(), 3)
    assert members(scene_groups(grid)) == [{1}, {0, 2}]


def test_unknown_orders_are_named():
    with pytest.raises(ValueError, match="'up'"):
        window_groups(random_grid(), 4, "up")
    with pytest.raises(ValueError, match="'morton_xxy'"):
        curve_groups(random_grid(), 4, "morton_xxy")
