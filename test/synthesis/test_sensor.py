from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.synthesis.sensor import DEPTH_UNIT, DepthSensor, random_sensor

SIZE = (120, 160)
PERFECT = DepthSensor(
    min_range=0.3, max_range=5.0, disparity_step=0.0, noise=0.0, noise_per_range2=0.0, patch=0.0,
    grazing=0.1, edge_loss=0.0, mixing=0.0, dark_loss=0.0,
)  # fmt: skip


def measure(sensor, depth, *, facing=1.0, albedo=0.5, seed=0):
    shape = np.broadcast_shapes(np.shape(depth), SIZE)
    images = [np.broadcast_to(np.float32(part), shape) for part in (depth, facing, albedo)]
    return sensor.measure(*images, np.random.default_rng(seed)) * DEPTH_UNIT


def test_without_errors_depth_is_exact():
    depth = np.linspace(0.5, 4.5, SIZE[1])
    np.testing.assert_allclose(measure(PERFECT, depth), np.tile(depth, (SIZE[0], 1)), atol=6e-4)


@pytest.mark.parametrize("depth", [0.2, 5.1, np.inf])
def test_nothing_is_measured_outside_the_range(depth):
    assert not measure(PERFECT, depth).any()


def test_grazing_surfaces_give_nothing_back():
    facing = np.linspace(0, 1, SIZE[1])
    np.testing.assert_array_equal(
        measure(PERFECT, 2.0, facing=facing)[0] > 0, facing.astype(np.float32) >= 0.1
    )


@pytest.mark.parametrize("patch", [0.0, 1.5])
def test_noise_grows_with_the_square_of_the_range(patch):
    sensor = replace(PERFECT, noise=0.001, noise_per_range2=0.002, patch=patch)
    for depth in (1.0, 2.0, 4.0):
        errors = measure(sensor, depth) - depth
        assert errors.std() == pytest.approx(0.001 + 0.002 * depth**2, rel=0.15)
        assert abs(errors.mean()) < 0.2 * errors.std()


def test_neighbours_share_the_noise_of_a_patch():
    def correlation(patch):
        errors = measure(replace(PERFECT, noise=0.01, patch=patch), 2.0) - 2.0
        return np.corrcoef(errors[:, :-1].ravel(), errors[:, 1:].ravel())[0, 1]

    assert abs(correlation(0.0)) < 0.05 and correlation(1.5) > 0.8


def test_disparity_steps_are_wider_far_away():
    sensor = replace(PERFECT, disparity_step=1 / 8)
    near, far = (np.unique(measure(sensor, np.linspace(a, a + 0.2, 160))) for a in (1.0, 4.0))
    # One step changes z by z² / (575 pixels x 7.5 cm) / 8.
    assert np.diff(near).mean() == pytest.approx(1.1**2 / 43 / 8, rel=0.2)
    assert np.diff(far).mean() == pytest.approx(4.1**2 / 43 / 8, rel=0.2)


def test_the_told_parts_of_edges_and_of_black_things_are_lost():
    depth = np.where(np.arange(SIZE[1]) % 4 < 2, 2.0, 3.0)  # every pixel is beside an edge
    for loss in (0.2, 0.7):
        found = measure(replace(PERFECT, edge_loss=loss), depth)
        assert (found == 0).mean() == pytest.approx(loss, abs=0.06)
        found = measure(replace(PERFECT, dark_loss=loss), 2.0, albedo=0.001)
        assert (found == 0).mean() == pytest.approx(loss, abs=0.06)
    assert measure(replace(PERFECT, dark_loss=0.9), 2.0, albedo=0.5).all()


def test_mixed_pixels_lie_between_both_sides_of_an_edge():
    depth = np.where(np.arange(SIZE[1]) % 4 < 2, 2.0, 3.0)
    found = measure(replace(PERFECT, mixing=0.5), depth)
    mixed = ~np.isin(found, (2.0, 3.0))
    assert mixed.mean() == pytest.approx(0.5, abs=0.03)
    assert found[mixed].min() >= 2 and found[mixed].max() <= 3


def test_random_sensors_measure_a_wall_within_centimetres():
    rng = np.random.default_rng(1)
    kinds = set()
    for _ in range(20):
        sensor = random_sensor(rng)
        kinds.add(sensor.disparity_step > 0)
        found = measure(sensor, 2.0)
        assert found.all() and np.abs(found - 2.0).mean() < 0.02
    assert kinds == {True, False}
