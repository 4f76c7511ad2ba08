"""Faults of maps: what they leave, what they move, and that the same chance gives the same."""

import dataclasses

import numpy as np
import pytest

from seg3d_ros.datasets.scene_dataset import SceneSample
from seg3d_ros.training.map_faults import (
    PoseError,
    SurfaceNoise,
    Thinning,
    Viewpoints,
    joined,
    visible,
)


def room(count=20_000, seed=0):
    """A floor, and a wall across the middle of it; points know which they are of."""
    rng = np.random.default_rng(seed)
    floor = rng.uniform((0, 0, 0), (4, 4, 0), (count, 3))
    wall = rng.uniform((0, 2, 0), (4, 2, 2.5), (count, 3))
    points = np.concatenate([floor, wall]).astype(np.float32)
    number = np.repeat([0, 1], count)
    normals = np.array([(0, 0, 1), (0, 1, 0)], np.float32)[number]
    colors = rng.random(points.shape, np.float32)
    return SceneSample("room", points, colors, normals, number, number.copy())


def rows_of(sample, part):
    """Rows in a sample of the points of a part of it."""
    place = {tuple(point): row for row, point in enumerate(sample.points.tolist())}
    return [place[tuple(point)] for point in part.points.tolist()]


@pytest.mark.parametrize("change", [Thinning(), SurfaceNoise(), PoseError(), Viewpoints()])
def test_the_same_chance_gives_the_same_and_an_empty_scene_stays_empty(change):
    sample = room(3000)
    for seed in range(4):
        first, again = (change(sample, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first.points, again.points)
        assert len(first.segment) == len(first.points) == len(first.normals)
    assert len(change(sample.take(slice(0)), np.random.default_rng(0))) == 0


def test_thinning_keeps_points_as_they_were():
    sample = room(5000)
    kept = set()
    for seed in range(12):
        thin = Thinning(share=0.8)(sample, np.random.default_rng(seed))
        rows = rows_of(sample, thin)
        assert rows == sorted(rows)
        assert np.array_equal(sample.segment[rows], thin.segment)
        kept.add(len(thin))
    assert min(kept) < 0.4 * len(sample) < max(kept)


def test_thinning_leaves_enough_of_a_small_part():
    """A voxel alone has no variance that a network in training could normalise."""
    part, thinning = room(60), Thinning(least=20)
    left = {len(thinning(part, np.random.default_rng(seed))) for seed in range(2000)}
    assert 20 <= min(left) < 40


def test_noise_is_as_large_as_it_says():
    sample = room()
    for seed in range(8):
        noisy = SurfaceNoise(bumps=0.01, grain=0.005)(sample, np.random.default_rng(seed))
        moved = np.linalg.norm(noisy.points - sample.points, axis=1)
        assert moved.mean() < 0.03
        assert moved.max() < 0.12


def test_a_pose_error_moves_or_doubles_one_side():
    sample, kinds = room(), set()
    for seed in range(8):
        changed = PoseError(shift=0.05, angle=0.02)(sample, np.random.default_rng(seed))
        kept = changed.points[: len(sample)]
        moved = np.linalg.norm(kept - sample.points, axis=1)
        assert moved.max() < 0.05 * 3**0.5 + 0.02 * 6
        if len(changed) > len(sample):
            assert moved.max() == 0
            kinds.add("doubled")
        else:
            assert 0 < (moved > 0).mean() < 1
            kinds.add("moved")
    assert kinds == {"doubled", "moved"}


def test_what_is_behind_a_wall_is_hidden():
    sample = room()
    rng = np.random.default_rng(1)
    seen = np.zeros(len(sample), np.bool_)
    for _ in range(6):  # in all directions
        seen |= visible(sample.points, np.array([2, 0.5, 1.2], np.float32), rng)
    before = sample.points[:, 1] < 1.9
    behind = (sample.segment == 0) & (sample.points[:, 1] > 2.3)
    assert seen[before].mean() > 0.9
    assert seen[behind].mean() < 0.05


def test_viewpoints_leave_enough_or_all():
    sample = room()
    sizes = [len(Viewpoints(least=4000)(sample, np.random.default_rng(s))) for s in range(10)]
    assert min(sizes) >= 4000
    assert min(sizes) < 0.8 * len(sample)


def test_joined_samples_have_the_points_of_both():
    sample = room(100)
    other = dataclasses.replace(sample, instance=sample.instance + 7)
    both = joined(sample, other)
    assert len(both) == 400
    assert np.array_equal(both.instance[200:], other.instance)
