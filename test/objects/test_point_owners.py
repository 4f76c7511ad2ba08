"""Owners of points: found as by asking each object for each point."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.objects.box import Box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import NO_OWNER, owner_of_points
from seg3d_ros.scene import Scene

IDS = st.sets(st.integers(0, 60), max_size=40)


def with_elements(ids: np.ndarray) -> MapObject:
    box = Box(np.zeros(3), np.ones(3), 0.0)
    points = np.zeros((len(ids), 3), np.float32)
    return MapObject(1, ids, points, box, np.zeros(3), 1.0, 0, 0)


@settings(deadline=None, max_examples=100)
@given(IDS, st.lists(IDS, max_size=5), st.integers(0, 2**32 - 1))
def test_the_last_object_with_a_point_owns_it(scene_ids, owned, seed) -> None:
    ids = np.array(sorted(scene_ids), np.int64)
    np.random.default_rng(seed).shuffle(ids)
    points = np.zeros((len(ids), 3), np.float32)
    objects = [with_elements(np.array(sorted(part), np.int64)) for part in owned]
    expected = [
        max((i for i, part in enumerate(owned) if element in part), default=NO_OWNER)
        for element in ids.tolist()
    ]
    owner = owner_of_points(Scene(points, points, ids, 0.1), objects)
    assert owner.tolist() == expected
