import pytest
import torch
from support.voxels import from_dense, random_grid, random_tensor, to_dense
from torch.nn.functional import conv3d, conv_transpose3d

from seg3d_ros.sparse import gathered, pairwise
from seg3d_ros.sparse.convolution import SparseConv3d, sparse_convolution
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.kernel_map import strided_map, submanifold_map
from seg3d_ros.sparse.tensor import SparseTensor

LOW, EXTENT = -6, 12  # a box around random voxels whose corner is even


def dense_weight(conv):
    weight = conv.weight if conv.groups > 1 else conv.weight[:, None]
    size, (_, groups, inputs, outputs) = conv.kernel_size, weight.shape
    shape = size, size, size, groups, inputs, outputs
    return weight.view(shape).permute(3, 5, 4, 0, 1, 2).flatten(0, 1)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolution_is_dense_convolution_at_the_voxels(device, size, groups):
    x = random_tensor(4, dtype=torch.float64, device=device)
    conv = SparseConv3d(4, 8, size, groups=groups).to(device, torch.float64)
    dense = to_dense(x, low=LOW, extent=EXTENT)
    expected = conv3d(dense, dense_weight(conv), conv.bias, padding=size // 2, groups=groups)
    torch.testing.assert_close(conv(x).features, from_dense(expected, x.grid, low=LOW))


@pytest.mark.parametrize("size", [2, 3])
def test_strided_convolution_is_dense_convolution(device, size):
    x = random_tensor(4, dtype=torch.float64, device=device)
    conv = SparseConv3d(4, 6, size, stride=2).to(device, torch.float64)
    dense = to_dense(x, low=LOW, extent=EXTENT)
    expected = conv3d(dense, dense_weight(conv), conv.bias, stride=2, padding=(size - 1) // 2)
    y = conv(x)
    torch.testing.assert_close(y.features, from_dense(expected, y.grid, low=LOW // 2))


def test_transposed_convolution_is_dense_transposed_convolution(device):
    fine = random_tensor(3, dtype=torch.float64, device=device)
    down = SparseConv3d(3, 4, 2, stride=2).to(device, torch.float64)
    up = SparseConv3d(4, 5, 2, stride=2, transposed=True).to(device, torch.float64)
    x = down(fine)
    dense = to_dense(x, low=LOW // 2, extent=EXTENT // 2)
    weight = up.weight.view(2, 2, 2, 4, 5).permute(3, 4, 0, 1, 2)
    expected = conv_transpose3d(dense, weight, up.bias, stride=2)
    torch.testing.assert_close(up(x, fine).features, from_dense(expected, fine.grid, low=LOW))


@pytest.mark.parametrize("make", [lambda g: submanifold_map(g, 3), lambda g: strided_map(g, 2, 2)])
@pytest.mark.parametrize("groups", [1, 3])
def test_gradients_are_those_of_the_sum(device, make, groups):
    grid = random_grid(40, low=-2, high=2, device=device)
    kernel_map = make(grid)
    features = torch.randn(len(grid), 3, dtype=torch.float64, device=device, requires_grad=True)
    weight = torch.randn(
        len(kernel_map.table), groups, 3 // groups, 2,
        dtype=torch.float64, device=device, requires_grad=True,
    )  # fmt: skip
    torch.autograd.gradcheck(lambda a, b: sparse_convolution(a, b, kernel_map), (features, weight))


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def assert_both_ways_agree(kernel_map, *, inputs, outputs):
    taps = len(kernel_map.table)
    features = torch.randn(kernel_map.inputs, inputs, dtype=torch.float64)
    weight = torch.randn(taps, 1, inputs, outputs, dtype=torch.float64)
    gradient = torch.randn(kernel_map.outputs, outputs, dtype=torch.float64)
    one = pairwise.convolve(features, weight, kernel_map)
    other = gathered.convolve(features, weight, kernel_map)
    torch.testing.assert_close(one, other)
    one = pairwise.correlate(features, gradient, kernel_map, like=weight)
    other = gathered.correlate(features, gradient, kernel_map, like=weight)
    torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [0, 1, 300])
@pytest.mark.parametrize("make", [lambda g: submanifold_map(g, 3), lambda g: strided_map(g, 2, 2)])
def test_both_ways_to_convolve_agree(monkeypatch, make, count):
    monkeypatch.setattr(pairwise, "BLOCK", 64)  # several blocks, the last one short
    monkeypatch.setattr(gathered, "BLOCK_BYTES", 1 << 14)
    kernel_map = make(random_grid(count))
    assert_both_ways_agree(kernel_map, inputs=5, outputs=7)
    assert_both_ways_agree(kernel_map.transposed(), inputs=5, outputs=7)


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 32), (9, 48), (16, 64), (1, 96), (3, 130)])
def test_both_ways_agree_at_all_widths(inputs, outputs):
    kernel_map = submanifold_map(random_grid(600, low=-3, high=3), 3)  # taps beyond a chunk
    assert_both_ways_agree(kernel_map, inputs=inputs, outputs=outputs)


def test_order_of_rows_does_not_matter(device):
    x = random_tensor(4, dtype=torch.float64, device=device)
    conv = SparseConv3d(4, 4, 3).to(device, torch.float64)
    order = torch.randperm(len(x.grid)).to(device)
    shuffled = SparseTensor(VoxelGrid(x.grid.coordinates[order], 2), x.features[order])
    torch.testing.assert_close(conv(shuffled).features, conv(x).features[order])


def test_scenes_of_a_batch_do_not_mix(device):
    x = random_tensor(4, dtype=torch.float64, device=device)
    conv = SparseConv3d(4, 4, 5).to(device, torch.float64)
    of_first = x.grid.coordinates[:, 0] == 0
    alone = SparseTensor(VoxelGrid(x.grid.coordinates[of_first]), x.features[of_first])
    torch.testing.assert_close(conv(alone).features, conv(x).features[of_first])


def test_a_lone_voxel_meets_the_center_only(device):
    cell = torch.tensor([[0, -7, 3, 0]]).int().to(device)
    x = SparseTensor(VoxelGrid(cell), torch.randn(1, 3, device=device))
    conv = SparseConv3d(3, 2, 3).to(device)
    torch.testing.assert_close(conv(x).features, x.features @ conv.weight[13] + conv.bias)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("groups", [1, 2])
def test_autocast_multiplies_in_its_type(device, groups, dtype):
    x = random_tensor(8, device=device)
    conv = SparseConv3d(8, 8, 3, groups=groups).to(device)
    exact = conv(x).features
    with torch.autocast(device.type, dtype):
        out = conv(x).features
        out.float().square().sum().backward()
    assert out.dtype == dtype
    assert conv.weight.grad.dtype == torch.float32
    assert (out.float() - exact).abs().max() < 0.03 * exact.abs().max()


def test_wrong_use_is_named():
    x = random_tensor(4)
    with pytest.raises(ValueError, match="3 groups"):
        SparseConv3d(4, 6, 3, groups=3)
    with pytest.raises(ValueError, match="kernel size 2"):
        SparseConv3d(4, 6, 2)
    up = SparseConv3d(4, 6, 2, stride=2, transposed=True)
    with pytest.raises(ValueError, match="onto"):
        up(x)
    with pytest.raises(ValueError, match="onto"):
        up(x, random_tensor(4, seed=5))
    with pytest.raises(ValueError, match="3 feature rows"):
        SparseTensor(x.grid, torch.zeros(3, 1))
