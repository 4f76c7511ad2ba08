import pytest
import torch

from seg3d_ros.sparse.rope import rotate, rotation_table


@pytest.mark.parametrize("head_dim", [5, 6, 16, 64])
def test_products_depend_on_the_distance_only(device, head_dim):
    q, k = torch.randn(2, 50, 3, head_dim, device=device).unbind(0)
    here, there = torch.randint(0, 100, (2, 50, 3), device=device).unbind(0)

    def product(shift):
        tables = (
            rotation_table(place + shift, head_dim=head_dim, base=100.0) for place in (here, there)
        )
        turned = [rotate(x, table) for x, table in zip((q, k), tables)]
        return (turned[0] * turned[1]).sum(-1)

    torch.testing.assert_close(product(0), product(17), rtol=1e-3, atol=1e-3)
    if head_dim >= 6:
        assert not torch.allclose(product(0), (q * k).sum(-1), atol=1e-2)


def test_thirds_of_the_channels_follow_the_axes():
    x = torch.ones(1, 1, 14)
    for axis in range(3):
        position = torch.zeros(1, 3)
        position[0, axis] = 1
        turned = rotate(x, rotation_table(position, head_dim=14, base=10.0))
        moved = (turned != x).flatten().nonzero().flatten().tolist()
        assert moved == list(range(4 * axis, 4 * axis + 4))


def test_first_pair_of_an_axis_turns_by_a_radian_a_voxel():
    x = torch.tensor([1.0, 0, 0, 0, 0, 0]).view(1, 1, 6)
    table = rotation_table(torch.tensor([[2.0, 0, 0]]), head_dim=6, base=10.0)
    expected = torch.tensor([2.0]).cos().item(), torch.tensor([2.0]).sin().item()
    assert rotate(x, table)[0, 0, :2].tolist() == pytest.approx(expected)


def test_type_is_kept():
    x = torch.ones(4, 2, 12, dtype=torch.bfloat16)
    assert rotate(x, rotation_table(torch.rand(4, 3), head_dim=12, base=9.0)).dtype == x.dtype
