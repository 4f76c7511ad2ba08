import pytest
import torch
from support.voxels import from_dense, random_tensor, to_dense
from torch.nn.functional import max_pool3d

from seg3d_ros.sparse.pooling import max_pool, unpool

LOW, EXTENT = -6, 12


@pytest.mark.parametrize("factor", [2, 3])
def test_max_pool_is_dense_max_pool(device, factor):
    x = random_tensor(4, device=device)
    x = x.with_features(x.features.abs())  # above the zeros where nothing is
    y = max_pool(x, factor=factor)
    dense = max_pool3d(to_dense(x, low=LOW, extent=EXTENT), factor)
    assert torch.equal(y.features, from_dense(dense, y.grid, low=LOW // factor))


def test_empty_places_do_not_count():
    x = random_tensor(4)
    x = x.with_features(-1 - x.features.abs())
    assert (max_pool(x).features <= -1).all()


def test_gradient_goes_to_the_largest():
    x = random_tensor(2, count=30, dtype=torch.float64)
    features = x.features.requires_grad_()
    torch.autograd.gradcheck(lambda f: max_pool(x.with_features(f)).features, features)


def test_unpool_puts_the_parent_behind(device):
    x = random_tensor(3, device=device)
    y = max_pool(x)
    merged = unpool(y, x).features
    assert torch.equal(merged[:, :3], x.features)
    torch.testing.assert_close(merged[:, 3:], y.features[x.grid.coarser()[1]])
    with pytest.raises(ValueError, match="not pooled from"):
        unpool(y, random_tensor(3, seed=9))
