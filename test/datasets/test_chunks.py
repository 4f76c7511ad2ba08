"""Squares cover large scenes, overlap by half, and keep one point a voxel."""

import numpy as np

from seg3d_ros.datasets.chunks import ChunkSettings, cut_chunks
from seg3d_ros.datasets.scene_arrays import SceneArrays


def _scene(points):
    points = np.array(points, np.float32)
    count = len(points)
    labels = {"segment": np.arange(count)}
    return SceneArrays(points, np.zeros((count, 3), np.uint8), None, labels)


def test_squares_begin_at_the_corner_and_step_by_half():
    # A row of posts every metre along y, from y = -2 to 8: 10 m long, 1 m wide.
    scene = _scene([[x, y, 0] for y in range(-2, 9) for x in (5, 6)])
    chunks = list(cut_chunks(scene, ChunkSettings(min_points=1)))
    spans = [(c.points[:, 1].min(), c.points[:, 1].max()) for c in chunks]
    assert spans == [(-2, 4), (1, 7), (4, 8)]
    assert {len(chunk) for chunk in chunks} == {14, 10}
    np.testing.assert_array_equal(chunks[1].labels["segment"], np.arange(6, 20))


def test_a_scene_smaller_than_a_square_is_one():
    chunks = list(cut_chunks(_scene([[0, 0, 0], [2, 1, 0]]), ChunkSettings(min_points=1)))
    assert [len(chunk) for chunk in chunks] == [2]


def test_one_point_a_voxel_and_no_square_of_few_points():
    dense = _scene([[0.001, 0.001, 0.001], [0.002, 0.002, 0.002], [0.5, 0, 0]])
    (chunk,) = cut_chunks(dense, ChunkSettings(min_points=2))
    np.testing.assert_array_equal(chunk.labels["segment"], [0, 2])
    assert not list(cut_chunks(dense, ChunkSettings(min_points=3)))
