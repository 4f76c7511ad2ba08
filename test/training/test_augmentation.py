from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.spatial.distance import pdist

from seg3d_ros.datasets.scene_dataset import SceneSample
from seg3d_ros.training import augmentation as a
from seg3d_ros.training.elastic import smooth_noise, trilinear

N = 600
ALL = [
    a.Rotation(), a.Scaling(), a.HorizontalFlip(), a.Translation(), a.ElasticDistortion(0.2, 0.4),
    a.PointDropout(), a.CubeCrop(1.0), a.AutoContrast(), a.ColorShift(), a.ColorJitter(),
    a.ColorDrop(), a.ColorGamma(), a.RandomCubeCrop(2.0, 10), a.default_train_augmentations(),
]  # fmt: skip


def room(seed: int = 0, count: int = N) -> SceneSample:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(count, 3))
    return SceneSample(
        name="room",
        points=(rng.random((count, 3)) * [4, 3, 2] - [1, 7, 0]).astype(np.float32),
        colors=rng.uniform(0.2, 0.7, (count, 3)).astype(np.float32),
        normals=(normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
        segment=np.arange(count),
        instance=np.arange(count),
        share=rng.random(count, np.float32),
        segments=np.arange(2 * count).reshape(count, 2),
    )


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_laws_of_all(transform):
    sample, before = room(), room()
    ours = transform(sample, np.random.default_rng(3))
    for field in dataclasses.fields(SceneSample)[1:]:
        np.testing.assert_array_equal(getattr(sample, field.name), getattr(before, field.name))
        if (values := getattr(before, field.name)) is not None:
            assert getattr(ours, field.name).dtype == values.dtype
    again = transform(sample, np.random.default_rng(3))
    np.testing.assert_array_equal(ours.points, again.points)
    np.testing.assert_array_equal(ours.colors, again.colors)
    assert ours.colors.min() >= 0
    assert ours.colors.max() <= 1
    assert len(transform(room(count=0), np.random.default_rng(3))) == 0


def test_rotation_keeps_shapes_and_turns_normals_along(rng):
    sample = room()
    ours = a.Rotation()(sample, rng)
    np.testing.assert_allclose(pdist(ours.points), pdist(sample.points), atol=1e-5)
    before = np.einsum("ij,ij->i", sample.points - sample.points[0], sample.normals)
    after = np.einsum("ij,ij->i", ours.points - ours.points[0], ours.normals)
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_rotation_about_z_reaches_every_direction_and_tilts_little():
    east = dataclasses.replace(room(), normals=np.tile(np.float32([1, 0, 0]), (N, 1)))
    turned = np.array([a.Rotation()(east, np.random.default_rng(i)).normals[0] for i in range(40)])
    quadrants = {(x > 0, y > 0) for x, y, _ in turned}
    assert len(quadrants) == 4
    assert np.abs(turned[:, 2]).max() <= np.sin(np.pi / 64) + 1e-6
    assert np.abs(turned[:, 2]).max() > 0.01


def test_scaling_is_the_same_in_all_directions(rng):
    ratio = pdist(a.Scaling()(room(), rng).points) / pdist(room().points)
    assert np.ptp(ratio) < 1e-2
    assert 0.9 <= np.median(ratio) <= 1.1


def test_flips_mirror_x_and_y_and_never_z():
    sample = room()
    seen = set()
    for seed in range(20):
        ours = a.HorizontalFlip()(sample, np.random.default_rng(seed))
        np.testing.assert_allclose(pdist(ours.points), pdist(sample.points), atol=1e-5)
        signs = np.rint(ours.normals / sample.normals)
        assert (signs == signs[0]).all()
        for axis in range(3):
            mirrored = sample.points[:, axis].max() - sample.points[:, axis]
            expected = mirrored if signs[0, axis] < 0 else sample.points[:, axis]
            np.testing.assert_array_equal(ours.points[:, axis], expected)
        seen.add(tuple(signs[0]))
    assert seen == {(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, 1)}


def test_translation_is_one_step_within_a_fifth_of_the_extent(rng):
    steps = a.Translation()(room(), rng).points - room().points
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-5)
    assert (np.abs(steps[0]) <= [0.8, 0.6, 0]).all()
    assert np.abs(steps[0, :2]).min() > 0


def test_interpolation_equals_that_of_scipy(rng):
    grid = rng.normal(size=(4, 5, 6, 3)).astype(np.float32)
    places = (rng.random((200, 3)) * [3, 4, 5]).astype(np.float32)
    axes = [np.arange(n) for n in (4, 5, 6)]
    expected = RegularGridInterpolator(axes, grid)(places)
    np.testing.assert_allclose(trilinear(grid, places), expected, atol=1e-5)


def test_elastic_distortion_bends_neighbours_alike(rng):
    sample = room()
    close = sample.points + np.float32(1e-3)
    pairs = dataclasses.replace(room(count=2 * N), points=np.concatenate([sample.points, close]))
    moved = a.ElasticDistortion(0.8, 1.6)(pairs, rng).points - pairs.points
    assert np.abs(moved[:N] - moved[N:]).max() < 0.02
    assert moved.std() > 0.05
    assert smooth_noise((4, 4, 4), rng).std() < 0.3  # averaged: less than that of the noise


def test_the_grid_is_bent_and_the_points_stay(rng):
    sample = room()
    ours = a.BentVoxels(a.ElasticDistortion(0.8, 1.6))(sample, rng)
    np.testing.assert_array_equal(ours.points, sample.points)
    assert np.abs(ours.bent - sample.points).max() > 0.05
    np.testing.assert_array_equal(ours.take([3, 1]).bent, ours.bent[[3, 1]])


def test_lassm_bends_the_grid_or_the_points(rng):
    def grids(**choice):
        made = a.lassm_augmentations(elastic=1.0, **choice)(room(), np.random.default_rng(5))
        return made, pdist(made.points[:40]) / pdist(room().points[made.instance[:40]])

    bent, still = grids(bend="voxels")
    moved, changed = grids(bend="points")
    assert bent.bent.shape == bent.points.shape and np.ptp(still) < 1e-4  # turned and scaled alone
    assert moved.bent is None and np.ptp(changed) > 0.01


def test_dropout_loses_a_fifth_and_keeps_rows_together(rng):
    sample = room(count=5000)
    ours = a.PointDropout()(sample, rng)
    assert 0.77 < len(ours) / len(sample) < 0.83
    np.testing.assert_array_equal(ours.points, sample.points[ours.segment])
    np.testing.assert_array_equal(ours.instance, ours.segment)


def test_crops_are_cubes_full_of_points(rng):
    sample = room()
    for seed in range(10):
        ours = a.CubeCrop(1.5)(sample, np.random.default_rng(seed))
        extent = np.ptp(ours.points, axis=0)
        assert (extent <= 1.5).all()
        assert (extent > 1.2).all()  # never half outside the scene
        low, high = ours.points.min(axis=0), ours.points.max(axis=0)
        inside = ((sample.points >= low) & (sample.points <= high)).all(axis=1)
        assert inside.sum() == len(ours)
    assert len(a.CubeCrop(5.0)(sample, rng)) == N
    assert len(a.CubeCrop(1.5, min_points=N + 1)(sample, rng)) == N


def test_contrast_stretches_but_keeps_the_order(rng):
    sample = room()
    ours = a.AutoContrast()(sample, rng)
    assert (np.ptp(ours.colors, axis=0) > np.ptp(sample.colors, axis=0)).all()
    for channel in range(3):
        order = np.argsort(sample.colors[:, channel])
        assert (np.diff(ours.colors[order, channel]) >= -1e-6).all()


def test_shift_jitter_and_drop_of_colours(rng):
    sample = room()
    shift = a.ColorShift()(sample, rng).colors - sample.colors
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-6)
    assert 0 < np.abs(shift).max() <= 0.1 + 1e-6
    jitter = a.ColorJitter()(sample, rng).colors - sample.colors
    assert 0.009 < jitter.std() < 0.011
    assert (a.ColorDrop()(sample, rng).colors == 0.5).all()


def test_sometimes_is_as_often_as_it_says(rng):
    grey = a.Sometimes(0.2, a.ColorDrop())
    drawn = sum((grey(room(count=3), rng).colors == 0.5).all() for _ in range(400))
    assert 50 < drawn < 110


def test_crops_of_the_recipe_can_be_left_out(rng):
    steps = a.default_train_augmentations(crop_size=None).transforms
    assert not any(isinstance(step, a.CubeCrop) for step in steps)
    assert len(a.default_train_augmentations().transforms) == len(steps) + 1


def test_random_crops_are_of_several_sizes_and_hold_enough(rng):
    sample = room(count=20_000)
    crops = [a.RandomCubeCrop(2.0, 1000)(sample, rng) for _ in range(20)]
    edges = [np.ptp(crop.points, axis=0).max() for crop in crops]
    assert min(edges) < 1.4 < max(edges) <= 2.0
    assert min(map(len, crops)) >= 1000
    assert len(a.RandomCubeCrop(0.1, 10_000)(sample, rng)) == len(sample)


def test_room_augmentations_end_with_what_geometry_proposes(rng):
    sample = room(count=20_000)
    changed = a.room_augmentations(crop_size=4.0, min_points=100)(sample, rng)
    assert changed.segments.shape == (len(changed), 6)  # three by shape, three by colour
    assert changed.segments.max() > 0
