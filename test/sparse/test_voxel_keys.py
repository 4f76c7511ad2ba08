import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.sparse.voxel_keys import (
    AXIS_LIMIT,
    key_step,
    keys_of_points,
    pack,
    pack_keys,
    unpack,
    unpack_keys,
)

coordinates = st.integers(-AXIS_LIMIT, AXIS_LIMIT - 1)
triples = st.tuples(coordinates, coordinates, coordinates)


@given(st.lists(triples, max_size=20))
def test_packing_loses_nothing(voxels):
    voxels = np.array(voxels, np.int64).reshape(-1, 3)
    keys = pack_keys(voxels)
    assert (keys >= 0).all()
    np.testing.assert_array_equal(unpack_keys(keys), voxels)


@settings(deadline=None)  # the first example compiles
@given(triples)
def test_compiled_and_array_forms_agree(voxel):
    key = pack(*voxel)
    assert key == pack_keys(np.array([voxel]))[0]
    assert unpack(key) == voxel


@settings(deadline=None)
@given(triples, triples)
def test_keys_are_ordered_like_their_coordinates(first, second):
    assert (pack(*first) < pack(*second)) == (first < second)


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(-AXIS_LIMIT + 1, AXIS_LIMIT - 2)] * 3),
    st.tuples(*[st.integers(-1, 1)] * 3),
)
def test_a_neighbour_is_a_constant_away(voxel, step):
    neighbour = tuple(a + b for a, b in zip(voxel, step, strict=True))
    assert pack(*voxel) + key_step(*step) == pack(*neighbour)


def test_points_fall_into_voxels_downwards():
    keys = keys_of_points(np.array([[-0.001, 0.019, 0.02]]), 0.02)
    np.testing.assert_array_equal(unpack_keys(keys), [[-1, 0, 1]])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, AXIS_LIMIT * 0.02, -1e5])
def test_points_without_a_key_are_refused(value):
    with pytest.raises(ValueError, match=r"NaN|span"):
        keys_of_points(np.array([[0, value, 0]]), 0.02)


def test_no_points_have_no_keys():
    assert keys_of_points(np.empty((0, 3)), 0.02).shape == (0,)
