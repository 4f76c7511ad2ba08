from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.orientation import orient_normals
from seg3d_ros.segmenters.geometric.planes import find_planes
from seg3d_ros.segmenters.geometric.surface import (
    MIN_SUPPORT,
    REACH,
    build_surface,
    flattest_direction,
)
from seg3d_ros.sparse.voxel_keys import pack_keys


def scene_of(coordinates, rng):
    points = ((coordinates + rng.uniform(0, 1, coordinates.shape)) * 0.02).astype(np.float32)
    return Scene(points, np.zeros_like(points), pack_keys(coordinates), 0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 150), st.sampled_from([0, -3, 500_000]))
def test_neighbors_and_normals_equal_brute_force(seed, count, shift):
    rng = np.random.default_rng(seed)
    coordinates = np.unique(rng.integers(-5, 5, (count, 3)), axis=0) + shift
    rng.shuffle(coordinates)
    scene = scene_of(coordinates, rng)
    surface = build_surface(scene)
    cells = np.floor(scene.points[surface.order].astype(np.float64) / 0.02)
    for i in range(len(cells)):
        apart = np.abs(cells - cells[i]).max(axis=1)
        expected = np.setdiff1d(np.flatnonzero(apart <= REACH), [i])
        neighbors = surface.neighbors[surface.starts[i] : surface.starts[i + 1]]
        np.testing.assert_array_equal(neighbors, expected)
        if not surface.normals[i].any():
            continue
        assert len(neighbors) + 1 >= MIN_SUPPORT
        support = surface.points[np.append(neighbors, i)]
        spread = np.cov(support.T, bias=True)
        smallest = np.linalg.eigvalsh(spread)[0]
        # It attains the smallest variance, even where that direction is not unique.
        assert surface.normals[i] @ spread @ surface.normals[i] <= smallest + 1e-9
        assert surface.curvature[i] == pytest.approx(smallest / np.trace(spread), abs=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=9, max_size=9))
def test_flattest_direction_is_the_smallest_eigenvector(numbers):
    root = np.array(numbers).reshape(3, 3)
    matrix = root @ root.T
    x, y, z, curvature = flattest_direction(*matrix[np.triu_indices(3)])
    direction = np.array([x, y, z])
    values = np.linalg.eigvalsh(matrix)
    scale = max(values.sum(), 1e-300)
    if not direction.any():  # undefined: a line, a point, or a ball
        assert (values[1] - values[0]) / scale < 1e-3
        return
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    assert (direction @ matrix @ direction - values[0]) / scale < 1e-6
    assert curvature == pytest.approx(values[0] / scale, abs=1e-6)


def test_empty_scene():
    none = np.zeros((0, 3), np.float32)
    surface = build_surface(Scene(none, none, np.zeros(0, np.int64), 0.02))
    assert surface.neighbors.size == 0
    assert surface.normals.shape == (0, 3)


def test_planes_of_a_room_and_their_areas(builder):
    scene, owners = (
        builder(noise=0.002)
        .rectangle((0, 0, 0.013), (2, 0, 0), (0, 1.5, 0), owner=1)
        .rectangle((0, 0.007, 0), (2, 0, 0), (0, 0, 1), owner=2)
        .box((1, 0.8, 0.11), (0.2, 0.2, 0.2), 3)
        .build()
    )
    surface = build_surface(scene)
    planes = find_planes(surface, min_area=0.3, thickness=0.03, max_angle=0.5)
    np.testing.assert_allclose(planes.areas, [3.0, 2.0], rtol=0.1)
    np.testing.assert_allclose(np.abs(planes.normals), [[0, 0, 1], [0, 1, 0]], atol=0.02)
    own = owners[surface.order]
    for plane, owner in ((0, 1), (1, 2)):
        assert (own[planes.plane_of == plane] == owner).mean() > 0.97
        assert (planes.plane_of[own == owner] == plane).mean() > 0.9


@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_normals_point_out_of_the_objects(builder, turn):
    rotation = np.array(
        [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]
    )
    center = np.array([1.0, 0.8, 0.2])
    scene, owners = (
        builder(noise=0.002)
        .rectangle((0, 0, 0), (2, 0, 0), (0, 1.5, 0))
        .sphere(center, 0.15, 1)
        .box((0.4, 0.5, 0.15), (0.3, 0.2, 0.3), 2)
        .build(rotation)
    )
    surface = build_surface(scene)
    planes = find_planes(surface, min_area=0.3, thickness=0.03, max_angle=0.5)
    normals, planes = orient_normals(surface, planes)
    own = owners[surface.order]
    upright = scene.points[surface.order] @ rotation
    for owner, middle in ((1, center), (2, (0.4, 0.5, 0.15))):
        outward = np.einsum("ij,ij->i", normals @ rotation, upright - middle)
        outward = outward[(own == owner) & normals.any(axis=1)]
        assert (outward > 0).mean() > 0.95
    assert (normals[planes.plane_of == 0] @ rotation[:, 2] > 0).all()
    assert planes.normals[0] @ rotation[:, 2] > 0.99
