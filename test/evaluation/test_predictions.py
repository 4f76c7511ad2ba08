"""Predictions from files, and from a segmenter that sees voxels."""

from __future__ import annotations

import numpy as np
import pytest
from support.toy_dataset import write_dataset

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.evaluation.overlaps import NO_CLASS
from seg3d_ros.evaluation.predictions import FileSource, SegmenterSource
from seg3d_ros.evaluation.scenes import load_scene
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, no_instances


@pytest.fixture
def scene(tmp_path):
    return load_scene(ScanNetDataset(write_dataset(tmp_path / "data", rooms=1), "train"), 0)


@pytest.fixture
def arrays(scene):
    masks = np.zeros((3, len(scene)), bool)
    for row, instance in enumerate((2, 3, 4)):
        masks[row] = scene.sample.instance == instance
    return {"masks": masks, "scores": np.array([0.9, 0.5, 0.25], np.float32)}


def test_arrays_come_back_as_they_were_saved(tmp_path, scene, arrays):
    embeddings = np.eye(3, 8, dtype=np.float32)
    np.savez(tmp_path / "room_0.npz", **arrays, embeddings=embeddings, space="word vectors/v1")
    found = FileSource(tmp_path, range(4)).predict(scene)
    np.testing.assert_array_equal(found.instances.masks.dense(), arrays["masks"])
    np.testing.assert_array_equal(found.instances.scores, arrays["scores"])
    np.testing.assert_array_equal(found.instances.embeddings, embeddings)
    assert (found.instances.embedding_space, found.classes) == ("word vectors/v1", None)


def test_benchmark_files_are_read(tmp_path, scene, arrays):
    (tmp_path / "masks").mkdir()
    lines = []
    for row, (mask, score) in enumerate(zip(arrays["masks"], arrays["scores"], strict=True)):
        np.savetxt(tmp_path / "masks" / f"{row}.txt", mask * 7, fmt="%d")
        lines.append(f"masks/{row}.txt {(39, 5, 99)[row]} {score}")
    (tmp_path / "room_0.txt").write_text("\n".join(lines) + "\n")
    found = FileSource(tmp_path, (1, 5, 39)).predict(scene)
    np.testing.assert_array_equal(found.instances.masks.dense(), arrays["masks"])
    np.testing.assert_array_equal(found.instances.scores, arrays["scores"])
    assert found.classes.tolist() == [2, 1, NO_CLASS]


def test_no_line_is_no_prediction(tmp_path, scene):
    (tmp_path / "room_0.txt").write_text("")
    assert FileSource(tmp_path, ()).predict(scene).instances.masks.dense().shape == (0, len(scene))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"scores": np.ones(2)}, "do not fit together"),
        ({"scores": np.array([1, np.nan, 1])}, "not finite"),
        ({"masks": np.zeros((3, 5), bool)}, "masks of 5 points for room_0"),
        ({"labels": np.zeros(2)}, "2 labels for 3 masks"),
        ({"embeddings": np.zeros((3, 4))}, "no space"),
        ({"masks": np.array([{}, {}, {}], object)}, "no archive of arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, scene, arrays, change, sentence):
    np.savez(tmp_path / "room_0.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=sentence):
        FileSource(tmp_path, ()).predict(scene)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("short.txt 1 0.5", "2 lines for"),
        ("../secret.txt 1 0.5", "outside"),
        ("/etc/hostname 1 0.5", "outside"),
        ("short.txt chair 0.5", "is no mask file, label, score"),
        ("short.txt 1", "is no mask file, label, score"),
    ],
)
def test_lines_that_do_not_fit_are_refused(tmp_path, scene, line, sentence):
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "short.txt").write_text("0\n1\n")
    (folder / "room_0.txt").write_text(line + "\n")
    with pytest.raises(ValueError, match=sentence):
        FileSource(folder, ()).predict(scene)


def test_a_scene_without_file_is_named(tmp_path, scene):
    with pytest.raises(FileNotFoundError, match=r"no predictions for room_0"):
        FileSource(tmp_path, ()).predict(scene)


class HalfRoom:
    """Finds everything on one side."""

    name, embedding_space, device = "half", None, "cpu"

    def segment(self, scene):
        left = scene.points[:, 0] < 1.5
        return Instances(Masks.of(left[None]), np.ones(1, np.float32))


def test_points_have_the_masks_of_their_voxels(scene):
    assert len(scene.voxels) < len(scene)  # several points in a voxel, in some order of their own
    found = SegmenterSource(HalfRoom()).predict(scene)
    far = np.abs(scene.sample.points[:, 0] - 1.5) > 0.02
    (left,) = found.instances.masks.dense()
    np.testing.assert_array_equal(left[far], scene.sample.points[far, 0] < 1.5)


class Blind(HalfRoom):
    """Finds nothing, and says so without a number of points."""

    def segment(self, scene):
        return no_instances(0)


def test_nothing_found_is_no_mask_of_all_points(scene):
    assert SegmenterSource(Blind()).predict(scene).instances.masks.dense().shape == (0, len(scene))
