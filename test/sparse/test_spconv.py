"""Convolutions equal those of spconv, a library for the same purpose."""

import pytest
import torch
from support.voxels import random_grid

from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor

spconv = pytest.importorskip(
    "spconv.pytorch", reason="compares with spconv where it is installed: pip install spconv"
)


@pytest.fixture(autouse=True)
def one_thread():
    """On a CPU spconv 2.3.8 gives wrong sums, other ones each time, from several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def spconv_weight(conv):
    """Ours (K, C_in, C_out) as spconv's (C_out, k, k, k, C_in)."""
    size, (_, inputs, outputs) = conv.kernel_size, conv.weight.shape
    return conv.weight.detach().view(size, size, size, inputs, outputs).permute(4, 0, 1, 2, 3)


@pytest.mark.parametrize("channels", [32, 64, 128])
def test_submanifold_convolution_equals_spconv(channels):
    grid = random_grid(3000, low=0, high=16)
    features = torch.randn(len(grid), channels)
    ours = SparseConv3d(channels, channels, 3, bias=False)
    theirs = spconv.SubMConv3d(channels, channels, 3, bias=False)
    theirs.weight.data = spconv_weight(ours).contiguous()
    expected = theirs(spconv.SparseConvTensor(features, grid.coordinates, [16] * 3, 2)).features
    out = ours(SparseTensor(grid, features)).features
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)


def test_strided_convolution_and_its_transpose_equal_spconv():
    grid = random_grid(900, low=0, high=16)
    features = torch.randn(len(grid), 8)
    down = SparseConv3d(8, 12, 2, stride=2, bias=False)
    up = SparseConv3d(12, 8, 2, stride=2, transposed=True, bias=False)
    their_down = spconv.SparseConv3d(8, 12, 2, stride=2, bias=False, indice_key="down")
    their_up = spconv.SparseInverseConv3d(12, 8, 2, bias=False, indice_key="down")
    their_down.weight.data = spconv_weight(down).contiguous()
    their_up.weight.data = spconv_weight(up).contiguous()
    x = SparseTensor(grid, features)
    y = down(x)
    theirs = their_down(spconv.SparseConvTensor(features, grid.coordinates, [16] * 3, 2))
    aligned = VoxelGrid(theirs.indices, 2).sorted_keys[1]
    assert torch.equal(theirs.indices[aligned], y.grid.coordinates)
    torch.testing.assert_close(y.features, theirs.features[aligned], rtol=1e-4, atol=1e-4)
    expected = their_up(theirs).features
    torch.testing.assert_close(up(y, x).features, expected, rtol=1e-4, atol=1e-4)
