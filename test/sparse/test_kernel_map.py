import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.voxels import random_grid

from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.kernel_map import (
    kernel_offsets,
    search_table,
    strided_map,
    submanifold_map,
)


def slow_table(fine, coarse, size, stride):
    """The definition: look every neighbour up in a dictionary."""
    rows = {tuple(voxel): row for row, voxel in enumerate(fine.coordinates.tolist())}
    return [
        [
            rows.get((scene, stride * x + i, stride * y + j, stride * z + k), -1)
            for scene, x, y, z in coarse.coordinates.tolist()
        ]
        for i, j, k in kernel_offsets(size)
    ]


@pytest.mark.parametrize("size", [1, 3, 5])
def test_submanifold_map_is_its_definition(device, size):
    grid = random_grid(device=device)
    assert submanifold_map(grid, size).table.tolist() == slow_table(grid, grid, size, 1)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 3), (5, 2)])
def test_strided_map_is_its_definition(device, size, stride):
    grid = random_grid(device=device)
    coarse, _ = grid.coarser(stride)
    table = strided_map(grid, size, stride).table
    assert table.tolist() == slow_table(grid, coarse, size, stride)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(0, 1000))
def test_searching_and_merging_agree(count, seed):
    grid = random_grid(count, seed=seed)
    coarse, _ = grid.coarser()
    offsets = kernel_offsets(3)
    assert torch.equal(submanifold_map(grid, 3).table, search_table(grid, grid, offsets, stride=1))
    assert torch.equal(
        strided_map(grid, 3, 2).table, search_table(grid, coarse, offsets, stride=2)
    )


@pytest.mark.parametrize("make", [lambda g: submanifold_map(g, 3), lambda g: strided_map(g, 3, 2)])
def test_transposed_map_exchanges_the_ends_of_every_pair(device, make):
    kernel_map = make(random_grid(device=device))
    back = kernel_map.transposed()
    assert (back.inputs, back.outputs) == (kernel_map.outputs, kernel_map.inputs)
    assert pairs(back.table) == {(tap, b, a) for tap, a, b in pairs(kernel_map.table)}


def pairs(table):
    taps, outputs = torch.nonzero(table >= 0, as_tuple=True)
    return set(zip(taps.tolist(), table[taps, outputs].tolist(), outputs.tolist()))


def test_scenes_do_not_touch():
    cells = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 1]]).int()
    table = submanifold_map(VoxelGrid(cells, 2), 3).table
    assert (table >= 0).sum() == 2  # each only itself


def test_maps_are_made_once_and_even_kernels_need_a_stride():
    grid = random_grid()
    assert submanifold_map(grid, 3) is submanifold_map(grid, 3)
    with pytest.raises(ValueError, match="size 2"):
        submanifold_map(grid, 2)
    with pytest.raises(ValueError, match="19"):
        submanifold_map(grid, 19)
