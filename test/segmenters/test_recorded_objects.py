"""Labelled table tops of the Object Segmentation Database (see shared/data/mosd_3/SOURCE.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.sparse.voxel_keys import keys_of_points

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "mosd_3"
VOXEL_SIZE = 0.01

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no shared/data/mosd_3 beside the repository"
)


def labelled_scene(name):
    open3d = pytest.importorskip("open3d", exc_type=ImportError)
    cloud = open3d.t.io.read_point_cloud(str(FOLDER / name)).point
    points = cloud["positions"].numpy()
    label = cloud["label"].numpy().ravel() // 10  # 0 is the table, objects start at 2
    valid = np.isfinite(points).all(axis=1) & (cloud["label"].numpy().ravel() > 0)
    points, label = points[valid], label[valid].astype(np.int64)
    keys, voxel, count = np.unique(
        keys_of_points(points, VOXEL_SIZE), return_inverse=True, return_counts=True
    )
    mean = [np.bincount(voxel, points[:, axis]) / count for axis in range(3)]
    votes = np.bincount(voxel * 8 + label, minlength=8 * len(keys)).reshape(-1, 8)
    positions = np.stack(mean, axis=1).astype(np.float32)
    return Scene(positions, np.zeros_like(positions), keys, VOXEL_SIZE), votes.argmax(axis=1)


@pytest.mark.parametrize("name", ["learn_learn0.pcd", "learn_learn20.pcd", "learn_learn30.pcd"])
def test_objects_on_a_table_are_found(name, overlap):
    scene, owners = labelled_scene(name)
    found = GeometricSegmenter().segment(scene)
    for thing in np.unique(owners[owners > 1]):
        assert overlap(found.masks.dense(), owners == thing) > 0.5
    # One object is cut in two by another that stands before it; nothing else may be invented.
    assert len(found) <= 3
