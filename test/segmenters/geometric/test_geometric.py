from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.decomposition import decompose
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.segmenters.geometric.settings import GeometricSettings
from seg3d_ros.sparse.scene_voxels import voxelize_points
from seg3d_ros.sparse.voxel_keys import pack_keys


@pytest.fixture(scope="module")
def segmenter():
    return GeometricSegmenter()


def tilt():
    """A rotation about no axis of the grid."""
    q, r = np.linalg.qr(np.array([[2.0, 0.4, 0.3], [0.5, 2.0, 0.6], [0.2, 0.7, 2.0]]))
    return q * np.sign(np.diag(r)) * np.sign(np.linalg.det(q * np.sign(np.diag(r))))


def test_finds_everything_in_a_furnished_room(segmenter, room, overlap):
    scene, owners = room
    found = segmenter.segment(scene)
    for thing in range(2, 8):
        assert overlap(found.masks.dense(), owners == thing) > 0.75, thing
    floor_and_walls = owners == 0
    assert (found.masks.dense()[:6] & floor_and_walls).sum() < 0.05 * found.masks.dense()[:6].sum()


@pytest.mark.parametrize(("noise", "least"), [(0.0, 0.8), (0.006, 0.6)])
def test_a_tilted_noisy_room(segmenter, builder, furnished, overlap, noise, least):
    scene, owners = furnished(builder(noise=noise)).build(tilt())
    found = segmenter.segment(scene)
    for thing in range(2, 8):
        assert overlap(found.masks.dense(), owners == thing) > least, thing


def test_instances_are_disjoint_sorted_and_in_range(segmenter, room):
    found = segmenter.segment(room[0])
    assert found.embeddings is None
    assert (found.masks.dense().sum(axis=0) <= 1).all()
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (found.masks.dense().sum(axis=1) >= segmenter.settings.min_voxels).all()


def test_permuted_points_give_permuted_masks(segmenter, room):
    scene, _ = room
    order = np.random.default_rng(1).permutation(len(scene))
    shuffled = dataclasses.replace(
        scene,
        points=scene.points[order],
        colors=scene.colors[order],
        element_ids=np.random.default_rng(2).permutation(len(scene)) * 7919,  # ids say nothing
    )
    here, there = segmenter.segment(scene), segmenter.segment(shuffled)
    np.testing.assert_array_equal(here.masks.dense()[:, order], there.masks.dense())
    np.testing.assert_array_equal(here.scores, there.scores)


def test_threads_get_the_same_answer(segmenter, room):
    alone = segmenter.segment(room[0])
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(segmenter.segment, [room[0]] * 2))
    for found in together:
        np.testing.assert_array_equal(found.masks.dense(), alone.masks.dense())


@pytest.mark.parametrize("voxel_size", [0.01, 0.02])
def test_boxes_that_touch_in_a_crease_are_two(segmenter, builder, overlap, voxel_size):
    scene, owners = (
        builder(noise=0.002, voxel_size=voxel_size)
        .rectangle((0, 0, 0), (1.2, 0, 0), (0, 1.2, 0))
        .box((0.6, 0.6, 0.1), (0.4, 0.3, 0.2), 1)
        .hide((0.495, 0.495, -0.1), (0.705, 0.705, 0.21))
        .box((0.6, 0.6, 0.28), (0.2, 0.2, 0.16), 2, yaw=0.5)
        .build()
    )
    found = segmenter.segment(scene)
    assert overlap(found.masks.dense(), owners == 1) > 0.75
    assert overlap(found.masks.dense(), owners == 2) > 0.75


def test_a_box_keeps_no_rim_of_the_floor(segmenter, builder):
    scene, owners = (
        builder(noise=0.003)
        .rectangle((0, 0, 0), (1.5, 0, 0), (0, 1.5, 0))
        .box((0.7, 0.7, 0.15), (0.3, 0.3, 0.3), 1)
        .build()
    )
    found = segmenter.segment(scene)
    assert len(found) == 1
    assert (owners[found.masks.dense()[0]] == 0).mean() < 0.03


def test_limits_of_the_settings(builder):
    scene, _ = (
        builder(noise=0.001)
        .rectangle((0, 0, 0), (2, 0, 0), (0, 2, 0))
        .box((0.5, 0.5, 0.15), (0.3, 0.3, 0.3), 1)
        .box((1.5, 0.5, 0.1), (0.2, 0.2, 0.2), 2)
        .sphere((1.0, 1.5, 0.13), 0.12, 3)
        .build()
    )

    def count(**values):
        return len(GeometricSegmenter(GeometricSettings(**values)).segment(scene))

    assert count() == 3
    assert count(max_instances=2) == 2
    assert count(max_extent=0.35) == 2
    assert count(min_extent=0.28) == 1
    assert count(min_voxels=100_000) == 0
    with pytest.raises(ValueError, match="plane_area is -1"):
        GeometricSettings(plane_area=-1)


def degenerate(coordinates):
    coordinates = np.asarray(coordinates, np.int64).reshape(-1, 3)
    points = ((coordinates + 0.5) * 0.02).astype(np.float32)
    return Scene(points, np.zeros_like(points), pack_keys(coordinates), 0.02)


@pytest.mark.parametrize(
    "coordinates",
    [
        [],
        [[0, 0, 0]],
        [[i, 0, 0] for i in range(200)],
        [[7 * i, 3 * i, -5 * i] for i in range(300)],
    ],
    ids=["nothing", "one voxel", "a line", "scattered voxels"],
)
def test_degenerate_scenes_hold_no_planes_and_do_not_fail(segmenter, coordinates):
    scene = degenerate(coordinates)
    found = segmenter.segment(scene)
    assert found.masks.dense().shape == (len(found), len(scene))


def test_a_scene_that_is_one_plane_or_full_of_voxels(segmenter):
    flat = degenerate([[i, j, 0] for i in range(60) for j in range(60)])
    assert len(segmenter.segment(flat)) == 0
    block = degenerate(np.stack(np.meshgrid(*[np.arange(12)] * 3), axis=-1))
    assert segmenter.segment(block).masks.width == 12**3


def test_points_farther_apart_than_the_voxels_are_segmented_at_their_own_spacing(
    segmenter, furnished, builder, overlap
):
    coarse, owners = furnished(builder(voxel_size=0.03, noise=0.003)).build()
    scene, rows = voxelize_points(coarse.points, coarse.colors, 0.02)
    found = segmenter.segment(scene)
    for thing in (2, 3, 4, 7):
        assert overlap(found.masks.dense()[:, rows], owners == thing) > 0.75, thing


def test_a_dense_scene_keeps_its_voxels(room, segmenter):
    parts = decompose(room[0], segmenter.settings)
    assert parts.surface.voxel_size == room[0].voxel_size
    np.testing.assert_array_equal(parts.surface.order[parts.row_of], np.arange(len(room[0])))
