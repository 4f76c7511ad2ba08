"""Segments under clicks, on a small table and by hand."""

import numpy as np

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.prompts.clicked_segments import segments_at, segments_of

VOXEL_M = 0.02


def test_a_paper_on_a_table_is_a_segment_of_colour_and_the_table_one_of_shape():
    x, y = (axis.ravel() for axis in np.mgrid[0:60, 0:60])
    points = (np.stack([x, y, 0 * x], axis=1) + 0.5).astype(np.float32) * np.float32(VOXEL_M)
    paper = (x >= 20) & (x < 36) & (y >= 20) & (y < 32)
    colors = np.where(paper[:, None], 0.95, 0.3).astype(np.float32).repeat(3, axis=1)
    scene = Scene(points, colors, np.arange(len(points)), VOXEL_M)
    rows = np.flatnonzero(x >= 4)
    segments = segments_of(scene, rows)
    click = np.flatnonzero((x[rows] == 28) & (y[rows] == 26))
    found = {tuple(np.flatnonzero(mask)) for mask in segments_at(segments, click, click[:0])}
    assert found == {tuple(np.flatnonzero(paper[rows])), tuple(range(len(rows)))}


# Two divisions of six voxels: into halves, and into pairs; the last has no segment there.
SEGMENTS = np.array([[0, 5], [0, 5], [0, 7], [1, 7], [1, 9], [1, -1]])


def masks(on, off=()):
    return segments_at(SEGMENTS, np.array(on), np.array(off, np.int64)).astype(int).tolist()


def test_each_division_gives_the_union_of_its_clicked_segments():
    assert masks([2]) == [[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0]]
    assert masks([0, 4]) == [[1] * 6, [1, 1, 0, 0, 1, 0]]


def test_a_division_that_contradicts_a_click_gives_none():
    assert masks([2], off=[0]) == [[0, 0, 1, 1, 0, 0]]
    assert masks([2], off=[0, 3]) == []
    assert masks([5]) == [[0, 0, 0, 1, 1, 1]]
    assert segments_at(SEGMENTS, np.array([2]), np.array([0, 3])).shape == (0, 6)
