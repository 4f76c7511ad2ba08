"""Depth images come back as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.keyframes.depth_packing import pack_depth, unpack_depth

DEPTH = np.array([[0, 65535, 0, 1], [1200, 1201, 1199, 0]], np.uint16)


@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_every_image_comes_back(depth):
    assert np.array_equal(unpack_depth(pack_depth(depth), depth.shape), depth)


def test_a_smooth_image_becomes_small():
    depth = np.add.outer(np.arange(480), 1000 + np.arange(640) // 3).astype(np.uint16)
    assert len(pack_depth(depth)) < depth.nbytes / 50


@pytest.mark.parametrize(
    "packed, size",
    [
        (pack_depth(DEPTH), (4, 2 + 1)),  # too little
        (pack_depth(DEPTH), (1, 4)),  # too much
        (pack_depth(DEPTH)[:-7], (2, 4)),
        (b"nothing of ours", (2, 4)),
        (b"", (2, 4)),
    ],
)
def test_what_does_not_fit_is_refused(packed, size):
    with pytest.raises(InputError, match="packed depth"):
        unpack_depth(packed, size)
