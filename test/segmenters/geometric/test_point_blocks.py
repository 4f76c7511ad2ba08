"""Searches that ask only what is near a plane find what asking every point finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.segmenters.geometric import furniture_faces as faces
from seg3d_ros.segmenters.geometric import segmenter as geometric
from seg3d_ros.segmenters.geometric.decomposition import decompose
from seg3d_ros.segmenters.geometric.plane_fronts import (
    BEFORE_PLANE_M,
    FOOTPRINT_CELL,
    FRONT_VOXELS,
    PARALLEL,
    plane_fronts,
)
from seg3d_ros.segmenters.geometric.point_blocks import PointBlocks
from seg3d_ros.segmenters.geometric.settings import GeometricSettings


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), reach=st.floats(0, 2), shift=st.floats(-1e3, 1e3))
def test_points_near_a_plane_are_found_with_their_heights(seed, reach, shift):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-2, 2, (500, 3)) + shift
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    offset = float(points[0] @ normal)
    low, high = np.sort(points[rng.integers(0, 500, 2)], axis=0)
    rows, heights = PointBlocks.of(points, 0.3).near_plane(normal, offset, reach, (low, high))
    assert len(np.unique(rows)) == len(rows)
    np.testing.assert_allclose(heights, points[rows] @ normal - offset, atol=1e-9)
    assert (np.abs(heights) <= reach).all()
    near = np.abs(points @ normal - offset) <= reach - 1e-9
    near &= ((points >= low) & (points <= high)).all(axis=1)
    assert np.isin(np.flatnonzero(near), rows).all()


@pytest.fixture(scope="module", params=["upright", "tilted"])
def decomposed(request, builder, furnished):
    turn = np.linalg.qr(np.array([[2.0, 0.4, 0.3], [0.5, 2.0, 0.6], [0.2, 0.7, 2.0]]))[0]
    turn *= np.sign(np.linalg.det(turn))
    scene, _ = furnished(builder(noise=0.004)).build(
        np.eye(3) if request.param == "upright" else turn
    )
    return decompose(scene, GeometricSettings())


def slow_front(surface, planes, p):
    """The front of a plane, with a look at every point."""
    height = surface.points @ planes.normals[p] - planes.offsets[p]
    near = (np.abs(height) < BEFORE_PLANE_M) & (np.abs(height) > surface.voxel_size)
    parallel = np.append(np.abs(planes.normals @ planes.normals[p]) > PARALLEL, False)
    rows = np.flatnonzero(near & ~parallel[planes.plane_of])
    axis = int(np.argmax(np.abs(planes.normals[p])))
    foot = surface.points - height[:, None] * planes.normals[p]
    cells = np.floor(np.delete(foot, axis, axis=1) / (FOOTPRINT_CELL * surface.voxel_size))
    code = cells.astype(np.int64) @ (1 << 31, 1)
    inner = np.unique(code[planes.plane_of == p])
    for _ in range(2):
        covered = inner
        for step in (1, -1, 1 << 31, -(1 << 31)):
            inner = inner[np.isin(inner + step, covered)]
    over = height[rows[np.isin(code[rows], inner)]]
    return float(np.sign(over).sum() / max(len(over), FRONT_VOXELS))


def test_fronts_of_planes_are_those_of_a_look_at_every_point(decomposed):
    expected = [
        slow_front(decomposed.surface, decomposed.planes, p) for p in range(len(decomposed.planes))
    ]
    assert len(expected) > 4 and np.abs(expected).max() > 0.5
    np.testing.assert_array_equal(plane_fronts(decomposed.surface, decomposed.planes), expected)


def slow_debris(decomposed, parts, options):
    """Parts that are debris of a plane, with a look at every point for each plane."""
    rows = np.flatnonzero(decomposed.part_of >= 0)
    own, points = decomposed.part_of[rows], decomposed.surface.points[rows]
    planes, normals = decomposed.planes, decomposed.normals[rows]
    thin = geometric.RELIEF * options.plane_thickness * decomposed.surface.voxel_size
    relief = np.full(len(planes), thin)
    relief[planes.areas >= faces.ROOM_AREA] = max(geometric.ROOM_RELIEF_M, thin)
    debris, beside = np.zeros(len(parts.sizes), bool), np.zeros(len(rows), bool)
    for p in range(len(planes)):
        distance = np.abs(points @ planes.normals[p] - planes.offsets[p])
        beside |= distance < thin
        for part in range(len(debris)):
            mine = own == part
            cosine = np.abs(normals[mine] @ planes.normals[p]).sum()
            flat = cosine > geometric.PARALLEL * normals[mine].any(axis=1).sum()
            debris[part] |= flat and (distance[mine] < relief[p]).mean() > geometric.MOSTLY
    share = np.array([beside[own == part].mean() for part in range(len(debris))])
    narrow = parts.extents[:, 1] < geometric.STRIP_WIDTH * decomposed.surface.voxel_size
    return debris | ((share > geometric.MOSTLY) & narrow)


def test_debris_is_that_of_a_look_at_every_point(decomposed):
    parts, options = geometric._measure(decomposed), GeometricSettings()
    expected = slow_debris(decomposed, parts, options)
    assert 0 < expected.sum() < len(expected)
    np.testing.assert_array_equal(geometric._is_debris(decomposed, parts, options), expected)


def test_bodies_behind_planes_are_those_of_a_look_at_every_point(decomposed):
    surface, planes, label = decomposed.surface, decomposed.planes, decomposed.part_of
    total = int(label.max()) + 1
    found = faces._lie_behind(surface, planes, label, total)
    for p in range(len(planes)):
        depth = planes.offsets[p] - surface.points @ planes.normals[p]
        for part in range(total):
            mine = depth[label == part]
            share = np.count_nonzero(mine > -surface.voxel_size) / len(mine)
            assert found[p, part] == (
                share >= faces.BEHIND_SHARE and mine.max() > faces.MIN_DEPTH_M
            )
    assert 0 < found.sum() < found.size
