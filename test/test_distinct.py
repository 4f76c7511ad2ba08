"""Distinct values of arrays."""

import numpy as np
import pytest

from seg3d_ros.distinct import distinct


@pytest.mark.parametrize("size", [0, 1, 2, 1_000])
@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_each_value_comes_once_in_order(size, kind):
    values = np.random.default_rng(size).integers(-20, 20, size).astype(kind)
    found = distinct(values)
    assert found.dtype == kind
    assert found.tolist() == sorted(set(values.tolist()))
