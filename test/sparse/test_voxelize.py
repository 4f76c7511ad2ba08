import numpy as np
import pytest
import torch

from seg3d_ros.sparse.voxelize import mean_by_row, voxel_coordinates, voxelize


def test_voxels_average_their_points_and_points_find_them_again(device):
    points = torch.tensor([[0.05, 0.05, 0.05], [-0.01, 0, 0], [0.02, 0.09, 0], [0.05, 0.05, 0.05]])
    features = torch.tensor([[1.0], [2.0], [5.0], [7.0]])
    made = voxelize(points.to(device), features.to(device), voxel_size=0.1, sizes=(3, 1))
    assert made.voxels.grid.coordinates.tolist() == [[0, -1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert made.voxels.features.tolist() == [[2.0], [3.0], [7.0]]
    assert made.to_points(made.voxels.features).tolist() == [[3.0], [2.0], [3.0], [7.0]]


def test_rounding_multiplies_by_the_float32_inverse(device):
    """Millimetre coordinates lie on faces of 2 cm voxels: dividing would move some."""
    points = torch.arange(-3000, 3000).float().div(1000)[:, None].expand(-1, 3).contiguous()
    expected = np.floor(points.numpy() * np.float32(50))
    assert voxel_coordinates(points.to(device), 0.02).tolist() == expected.astype(int).tolist()
    assert (np.floor(points.numpy() / np.float32(0.02)) != expected).any()


def test_order_of_points_does_not_matter():
    points, features = torch.randn(200, 3), torch.randn(200, 4)
    order = torch.randperm(200)
    one = voxelize(points, features, voxel_size=0.5)
    other = voxelize(points[order], features[order], voxel_size=0.5)
    assert torch.equal(one.voxels.grid.coordinates, other.voxels.grid.coordinates)
    torch.testing.assert_close(one.voxels.features, other.voxels.features)
    assert torch.equal(one.rows[order], other.rows)


def test_no_points_make_no_voxels():
    made = voxelize(torch.zeros(0, 3), torch.zeros(0, 2), voxel_size=0.1)
    assert made.voxels.features.shape == (0, 2)


def test_gradient_of_the_mean():
    features = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor([0, 2, 2, 0, 0, 3])
    torch.autograd.gradcheck(lambda x: mean_by_row(x, rows, 4), features)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e9])
def test_points_without_a_voxel_are_refused(value):
    with pytest.raises(ValueError, match="2621 m"):
        voxelize(torch.full((1, 3), value), torch.zeros(1, 1), voxel_size=0.02)


def test_sizes_have_to_agree():
    with pytest.raises(ValueError, match=r"3 points, 3 feature rows, scene sizes \(2,\)"):
        voxelize(torch.zeros(3, 3), torch.zeros(3, 1), voxel_size=0.1, sizes=(2,))
