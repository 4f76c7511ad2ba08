"""Changes of single objects: only those move, stand where things can stand, and stay apart."""

import numpy as np

from seg3d_ros.datasets.scene_dataset import SceneSample
from seg3d_ros.training.object_changes import Clutter, InstancePaint, InstanceStretch


def room():
    """A floor of class 0 without instance, and three boxes on it."""
    rng = np.random.default_rng(0)
    floor = rng.uniform((0, 0, 0), (4, 4, 0), (8000, 3))
    corners = [(0.5, 0.5, 0), (2, 1, 0), (3, 3, 0)]
    boxes = [corner + rng.uniform(0, 0.4, (500, 3)) for corner in corners]
    points = np.concatenate([floor, *boxes]).astype(np.float32)
    instance = np.repeat([-1, 4, 7, 9], [8000, 500, 500, 500])
    normals = np.zeros_like(points)
    normals[:8000, 2] = 1
    segment = np.where(instance < 0, 0, 1)
    return SceneSample("room", points, np.full_like(points, 0.5), normals, segment, instance)


def test_stretched_instances_keep_their_foot_and_the_floor_stays():
    sample = room()
    changed = InstanceStretch(share=1.0)(sample, np.random.default_rng(0))
    floor = sample.instance < 0
    assert np.array_equal(changed.points[floor], sample.points[floor])
    for number in (4, 7, 9):
        before, after = (s.points[sample.instance == number] for s in (sample, changed))
        assert after[:, 2].min() == np.float32(before[:, 2].min())
        factors = (after.max(0) - after.min(0)) / (before.max(0) - before.min(0))
        assert ((factors >= 0.79) & (factors <= 1.26)).all()
        assert np.abs(factors - 1).max() > 0.01


def test_painted_instances_differ_from_each_other():
    sample = room()
    painted = InstancePaint(share=1.0)(sample, np.random.default_rng(0))
    groups = [painted.colors[sample.instance == number] for number in (-1, 4, 7, 9)]
    for colors in groups:
        np.testing.assert_allclose(colors, np.broadcast_to(colors[0], colors.shape))
        assert (colors >= 0).all() and (colors <= 1).all()
    assert len({tuple(colors[0].tolist()) for colors in groups}) == 4


def test_clutter_is_new_instances_that_stand_on_the_floor_where_nothing_else_is():
    sample = room()
    added = 0
    for seed in range(6):
        changed = Clutter(most=6)(sample, np.random.default_rng(seed))
        assert np.array_equal(changed.points[: len(sample)], sample.points)
        for number in set(changed.instance.tolist()) - {-1, 4, 7, 9}:
            copy = changed.points[changed.instance == number]
            assert len(copy) == 500
            assert abs(copy[:, 2].min()) < 1e-5
            assert set(changed.segment[changed.instance == number].tolist()) == {1}
            low, high = copy.min(axis=0), copy.max(axis=0)
            boxes = sample.points[sample.instance >= 0]
            assert ((boxes > low + 0.04) & (boxes < high)).all(axis=1).mean() < 0.2
            added += 1
    assert added > 3


def test_a_scene_without_instances_stays_as_it_is():
    floor = room().take(slice(0, 8000))
    for change in (Clutter(), InstanceStretch()):
        assert np.array_equal(change(floor, np.random.default_rng(0)).points, floor.points)
