import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.voxels import random_grid

from seg3d_ros.sparse.grid import (
    AXIS_LIMIT,
    MAX_SCENES,
    VoxelGrid,
    pack,
    unpack,
)

AXIS = st.integers(-AXIS_LIMIT, AXIS_LIMIT - 1)


@given(st.lists(st.tuples(st.integers(0, MAX_SCENES - 1), AXIS, AXIS, AXIS), min_size=1))
def test_keys_unpack_to_the_voxels_and_keep_their_order(voxels):
    coordinates = torch.tensor(voxels)
    keys = pack(coordinates)
    assert unpack(keys).tolist() == coordinates.tolist()
    assert [tuple(row) for row in unpack(keys.sort().values).tolist()] == sorted(voxels)


def test_coarser_rounds_down_below_zero(device):
    cells = torch.tensor([[0, -1, 0, 3], [0, -2, 1, 2], [0, 0, 0, 2], [1, -1, 0, 3]]).int()
    coarse, parents = VoxelGrid(cells.to(device), 2).coarser()
    assert coarse.coordinates.tolist() == [[0, -1, 0, 1], [0, 0, 0, 1], [1, -1, 0, 1]]
    assert parents.tolist() == [0, 0, 1, 2]
    assert coarse.stride == 2


def test_coarser_is_made_once():
    grid = random_grid()
    assert grid.coarser()[0] is grid.coarser()[0]


def test_scene_sizes_count_empty_scenes(device):
    grid = VoxelGrid(torch.tensor([[2, 0, 0, 0], [0, 0, 0, 0], [2, 1, 0, 0]]).int().to(device), 4)
    assert grid.scene_sizes == (1, 0, 2, 0)


def test_an_empty_grid_stays_empty():
    grid = VoxelGrid(torch.zeros(0, 4, dtype=torch.int32))
    assert len(grid.coarser()[0]) == 0
    assert grid.scene_sizes == (0,)
    assert grid.minimum.tolist() == [0, 0, 0]


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"\(5, 3\)"):
        VoxelGrid(torch.zeros(5, 3, dtype=torch.int32))
    with pytest.raises(ValueError, match="0 scenes"):
        VoxelGrid(torch.zeros(5, 4, dtype=torch.int32), 0)
