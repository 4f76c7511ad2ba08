"""Segments as masks over coarser voxels: against a slow twin, and on a made room."""

import numpy as np
import pytest

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.proposals import geometric_segments, segment_masks
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.sparse.voxel_keys import keys_of_points

VOXEL_M = 0.02


@pytest.mark.parametrize("seed", range(5))
def test_masks_hold_the_voxels_of_which_a_segment_holds_half(seed):
    rng = np.random.default_rng(seed)
    segments = rng.integers(-1, 5, (300, 2))
    voxel_of = np.concatenate([np.arange(60), rng.integers(0, 60, 240)])
    masks = segment_masks(segments, voxel_of, 60, least=2)
    expected = set()
    for column in segments.T:
        for segment in range(5):
            mask = [2 * (column[voxel_of == v] == segment).sum() >= (voxel_of == v).sum()
                    for v in range(60)]  # fmt: skip
            if sum(mask) >= 2:
                expected.add(tuple(mask))
    assert {tuple(mask.tolist()) for mask in masks} == expected
    assert len(masks) == len(expected)


def test_no_segments_make_no_masks():
    assert segment_masks(np.full((4, 3), -1), np.arange(4), 4, least=1).shape == (0, 4)
    empty = Scene(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32),
                  np.zeros(0, np.int64), VOXEL_M)  # fmt: skip
    assert geometric_segments(build_surface(empty)).shape == (0, 3)


def test_boxes_on_a_table_are_among_the_segments():
    rng = np.random.default_rng(0)
    top = rng.uniform((0, 0, 0), (1.2, 0.8, 0.001), (40_000, 3))
    boxes = []
    for corner in ((0.2, 0.2, 0), (0.7, 0.4, 0)):
        faces = rng.uniform(0, 0.2, (12_000, 3))
        faces[np.arange(12_000), rng.integers(0, 3, 12_000)] = 0.2 * rng.integers(0, 2, 12_000)
        boxes.append(faces + corner)
    points = np.concatenate([top, *boxes]).astype(np.float32)
    keys, rows = np.unique(keys_of_points(points, VOXEL_M), return_index=True)
    part = np.repeat([0, 1, 2], [40_000, 12_000, 12_000])[rows]
    scene = Scene(points[rows], np.zeros((len(rows), 3), np.float32), keys, VOXEL_M)
    masks = segment_masks(
        geometric_segments(build_surface(scene)), np.arange(len(rows)), len(rows), least=5
    )
    for number in range(3):
        true = part == number
        iou = (masks & true).sum(axis=1) / (masks | true).sum(axis=1)
        assert iou.max() > 0.8
