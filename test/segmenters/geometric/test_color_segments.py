"""Segments of one colour, on surfaces that shape cannot tell apart."""

import numpy as np
import pytest

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.color_segments import cielab, color_segments
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.sparse.voxel_keys import keys_of_points

VOXEL_M = 0.04


def desk(noise):
    """A brown top of 1.6 m with a sheet of white paper, in any order; (scene, on the paper)."""
    rng = np.random.default_rng(0)
    x, y = (axis.ravel() * VOXEL_M + 0.02 for axis in np.meshgrid(range(40), range(40)))
    points = rng.permutation(np.stack([x, y, 0 * x + 0.02], axis=1)).astype(np.float32)
    paper = (np.abs(points[:, :2] - 0.8) < 0.15).all(axis=1)
    colors = np.where(paper[:, None], (0.9, 0.9, 0.9), (0.45, 0.3, 0.2))
    colors = (colors + rng.normal(0, noise, colors.shape)).clip(0, 1).astype(np.float32)
    return Scene(points, colors, keys_of_points(points, VOXEL_M), VOXEL_M), paper


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_paper_on_a_desk_is_a_segment(noise):
    scene, paper = desk(noise)
    segments = color_segments(build_surface(scene), scene.colors)
    best = 0.0
    for column in segments.T:
        for segment in np.unique(column):
            mask = column == segment
            best = max(best, (mask & paper).sum() / (mask | paper).sum())
    assert best > 0.9


def test_a_scene_of_one_colour_has_none():
    scene, _ = desk(0.0)
    assert (color_segments(build_surface(scene), np.full_like(scene.colors, 0.5)) == -1).all()


def test_an_empty_scene_has_none():
    empty = Scene(*np.zeros((2, 0, 3), np.float32), np.zeros(0, np.int64), VOXEL_M)
    assert color_segments(build_surface(empty), empty.colors, (40.0,)).shape == (0, 1)


def test_cielab_of_known_colours():
    rgb = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0.5, 0.5, 0.5]], np.float32)
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [53.39, 0, 0]]
    assert np.allclose(cielab(rgb), expected, atol=0.05)
