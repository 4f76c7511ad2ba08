"""Squares of scenes to train with, beside the scenes."""

import numpy as np

from seg3d_ros.datasets.chunks import ChunkSettings
from seg3d_ros.datasets.prepare import PreparedDataset, prepare_scene
from seg3d_ros.datasets.raw_dataset import RawScene
from seg3d_ros.datasets.scene_arrays import SceneArrays


class _Rows:
    """Every scene is a row of posts, 10 m long."""

    def read(self, scene):
        points = np.array([[x, 0, 0] for x in range(11)], np.float32)
        label = np.zeros(11, np.int64)
        return SceneArrays(points, np.zeros((11, 3), np.uint8), None, {"segment": label})


def test_only_scenes_to_train_with_are_cut(tmp_path):
    dataset = PreparedDataset(_Rows(), tmp_path, ChunkSettings(min_points=1))
    for split in ("train", "val"):
        prepare_scene(dataset, RawScene(split, f"row_{split}", tmp_path))
    files = tmp_path.glob("*/*/coord.npy")
    assert sorted(str(path.parent.relative_to(tmp_path)) for path in files) == [
        "train/row_train",
        "train_chunks/row_train_0", "train_chunks/row_train_1", "train_chunks/row_train_2",
        "val/row_val",
    ]  # fmt: skip
    chunk = np.load(tmp_path / "train_chunks" / "row_train_1" / "coord.npy")
    np.testing.assert_array_equal(chunk[:, 0], np.arange(3, 10))
