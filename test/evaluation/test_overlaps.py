from __future__ import annotations

import numpy as np

from seg3d_ros.evaluation.overlaps import overlaps_of, true_regions
from seg3d_ros.masks import Masks


def test_regions_are_instances_of_a_class_and_rests_of_a_class():
    segment = np.array([1, 1, 1, 0, 0, -1, -1, 1])
    instance = np.array([7, 7, -1, 3, 3, 7, -1, -5])
    regions = true_regions(segment, instance, min_points=2)
    assert regions.classes.tolist() == [0, 1, 1]
    assert regions.sizes.tolist() == [2, 2, 2]
    assert regions.counted.tolist() == [True, False, True]  # a class, its rest, its instance
    assert regions.of_point.tolist() == [2, 2, 1, 0, 0, 3, 3, 1]


def test_an_instance_with_two_classes_is_two():
    regions = true_regions(np.array([0, 0, 1, 1]), np.zeros(4, int), min_points=3)
    assert regions.classes.tolist() == [0, 1]
    assert not regions.counted.any()


def test_shared_points_are_those_of_dense_products():
    rng = np.random.default_rng(0)
    segment, instance = rng.integers(-1, 3, 500), rng.integers(-1, 4, 500)
    masks = rng.random((9, 500)) < 0.2
    regions = true_regions(segment, instance)
    overlaps = overlaps_of(Masks.of(masks), np.ones(9, np.float32), np.zeros(9, int), regions)
    inside = regions.of_point[None] == np.arange(len(regions.sizes))[:, None]
    np.testing.assert_array_equal(overlaps.shared, masks.astype(int) @ inside.T.astype(int))
    np.testing.assert_array_equal(overlaps.void, (masks & (segment < 0)).sum(axis=1))
    np.testing.assert_array_equal(overlaps.sizes, masks.sum(axis=1))
    union = (masks[:, None] | inside[None]).sum(axis=2)
    np.testing.assert_allclose(overlaps.ious, overlaps.shared / union)


def test_a_scene_without_labels_or_masks_has_no_overlaps():
    nothing = np.full(5, -1)
    regions = true_regions(nothing, nothing)
    overlaps = overlaps_of(Masks.of(np.ones((1, 5), bool)), np.ones(1), np.zeros(1, int), regions)
    assert overlaps.ious.shape == (1, 0) and overlaps.void.tolist() == [5]
    none = Masks.of_rows([], 5)
    assert overlaps_of(none, np.ones(0), np.zeros(0, int), regions).ious.size == 0
