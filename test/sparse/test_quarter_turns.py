"""Quarter turns and mirror images: of points, and the law that turned kernels obey."""

import pytest
import torch

from seg3d_ros.networks.minkunet import MinkUNet
from seg3d_ros.sparse.quarter_turns import VIEWS, turned, turned_back, with_turned_kernels
from seg3d_ros.sparse.voxelize import voxelize


def test_views_are_eight_different_quarter_turns_and_mirror_images():
    points = torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.0]])
    views = [turned(points, number) for number in range(8)]
    assert torch.equal(views[0], points)
    assert torch.equal(views[1], torch.tensor([[-2.0, 1.0, 3.0], [-5.0, -4.0, 6.0]]))
    assert len({tuple(view.flatten().tolist()) for view in views}) == 8
    for number, view in enumerate(views):
        assert torch.equal(view.norm(dim=1), points.norm(dim=1))
        assert torch.equal(view[:, 2], points[:, 2])
        assert torch.equal(turned_back(view, number), points)


@pytest.mark.parametrize("view", range(VIEWS))
def test_turned_kernels_see_the_scene_as_the_network_sees_the_turned_scene(view):
    torch.manual_seed(view)
    points = torch.rand(600, 3) * 8 - 3  # in voxels of 0.5; some coordinates are negative
    features = torch.rand(600, 4)
    network = MinkUNet(4, 3, planes=(4,) * 8, layers=(1,) * 8, init_dim=4, init_kernel_size=3)
    network.eval()
    with torch.no_grad():
        here = voxelize(points, features, voxel_size=0.5)
        there = voxelize(turned(points, view), features, voxel_size=0.5)
        found = with_turned_kernels(network, view)(here.voxels).features[here.rows]
        expected = network(there.voxels).features[there.rows]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
