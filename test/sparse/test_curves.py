import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.sparse.curves import MAX_BITS, hilbert_codes, morton_codes

CELL = st.tuples(*[st.integers(0, (1 << MAX_BITS) - 1)] * 3)


def cube(bits):
    axis = torch.arange(1 << bits)
    return torch.cartesian_prod(axis, axis, axis)


@given(CELL, st.permutations("xyz"))
def test_morton_code_interleaves_the_bits(cell, axes):
    columns = [cell["xyz".index(axis)] for axis in axes]
    expected = sum(
        (column >> bit & 1) << (3 * bit + place)
        for place, column in enumerate(columns)
        for bit in range(MAX_BITS)
    )
    assert morton_codes(torch.tensor([cell]), "".join(axes)).item() == expected


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_hilbert_curve_visits_every_cell_and_steps_to_a_neighbour(device, bits):
    cells = cube(bits).to(device)
    codes = hilbert_codes(cells, bits=bits)
    assert codes.sort().values.tolist() == list(range(len(cells)))
    steps = cells[codes.argsort()].diff(dim=0).abs()
    assert (steps.sum(1) == 1).all()


def test_first_half_of_the_hilbert_curve_has_the_small_x():
    cells = cube(3)
    codes = hilbert_codes(cells, bits=3)
    assert np.array_equal(codes.numpy() < 256, cells[:, 0].numpy() < 4)
