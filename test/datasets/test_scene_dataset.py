from __future__ import annotations

import numpy as np
import pytest
import torch
from support.toy_dataset import NAMES, write_dataset, write_scene

from seg3d_ros.datasets.scene_dataset import ScanNetDataset, collate, one_point_per_voxel


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "toy", rooms=2)


def rewrite(root, file, change):
    path = root / "train" / "room_0" / file
    np.save(path, change(np.load(path)))


def test_a_scene_comes_as_it_was_written(root):
    dataset = ScanNetDataset(root, "train")
    folder = root / "train" / "room_1"
    sample = dataset[1]
    assert dataset.class_names == NAMES
    assert sample.name == "room_1"
    np.testing.assert_array_equal(sample.points, np.load(folder / "coord.npy"))
    np.testing.assert_allclose(sample.colors * 255, np.load(folder / "color.npy"), atol=1e-4)
    np.testing.assert_array_equal(sample.normals, np.load(folder / "normal.npy"))
    np.testing.assert_array_equal(sample.segment, np.load(folder / "segment.npy"))
    np.testing.assert_array_equal(sample.instance, np.load(folder / "instance.npy"))
    types = [str(getattr(sample, name).dtype) for name in ("points", "colors", "normals")]
    assert types == ["float32"] * 3
    assert sample.segment.dtype == sample.instance.dtype == np.int64


def test_utm_coordinates_keep_their_millimetres(root):
    utm = np.array([500_000.25, 4_649_776.5, 212.0])
    whole = np.load(root / "train" / "room_0" / "coord.npy")
    rewrite(root, "coord.npy", lambda points: points.astype(np.float64) + utm)
    points = ScanNetDataset(root, "train")[0].points
    assert points.dtype == np.float32
    np.testing.assert_allclose(np.diff(points, axis=0), np.diff(whole, axis=0), atol=1e-5)


def test_what_is_missing_is_zero_or_unknown(root):
    for file in ("color.npy", "normal.npy", "segment.npy", "instance.npy"):
        (root / "train" / "room_0" / file).unlink()
    sample = ScanNetDataset(root, "train", voxel_size=0.1)[0]
    assert not sample.colors.any()
    assert not sample.normals.any()
    assert (sample.segment == -1).all()
    assert (sample.instance == -1).all()
    assert 0 < len(sample) < 1400


def test_each_voxel_keeps_its_first_point():
    points = np.random.default_rng(0).uniform(-1, 1, (3000, 3)).astype(np.float32)
    rows = one_point_per_voxel(points, 0.1)
    voxels = np.floor(points.astype(np.float64) / 0.1)
    _, first = np.unique(voxels, axis=0, return_index=True)
    np.testing.assert_array_equal(rows, np.sort(first))
    assert len(one_point_per_voxel(points[:0], 0.1)) == 0


def test_thinning_out_keeps_rows_together(root):
    whole, thin = (
        ScanNetDataset(root, "train")[0],
        ScanNetDataset(root, "train", voxel_size=0.1)[0],
    )
    rows = one_point_per_voxel(whole.points, 0.1)
    for name in ("points", "colors", "normals", "segment", "instance"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(whole, name)[rows])


def test_classes_outside_of_the_list_are_unknown(root):
    rewrite(root, "segment.npy", lambda old: np.resize([0, 4, 255, -100, -1, 2], len(old)))
    segment = ScanNetDataset(root, "train")[0].segment
    assert segment[:6].tolist() == [0, -1, -1, -1, -1, 2]
    assert ScanNetDataset(root, "train", ignore_index=2)[0].segment[:6].tolist() == [0] + [-1] * 5


def test_stuff_can_be_dropped_from_the_instances(root):
    kept, dropped = (ScanNetDataset(root, "train", drop_stuff=d)[0] for d in (False, True))
    assert set(kept.instance) == {0, 1, 2, 3, 4}
    assert set(dropped.instance) == {-1, 2, 3, 4}
    np.testing.assert_array_equal(dropped.instance == -1, dropped.segment < 2)  # floor, wall


@pytest.mark.parametrize(("label_set", "file", "count", "third"), [
    ("scannet20", "segment20.npy", 20, "cabinet"), ("scannet200", "segment200.npy", 200, "floor"),
])  # fmt: skip
def test_scannet_has_its_own_files_and_names(tmp_path, label_set, file, count, third):
    write_scene(tmp_path / "train" / "scene0000_00")
    (tmp_path / "train" / "scene0000_00" / "segment.npy").rename(
        tmp_path / "train" / "scene0000_00" / file
    )
    dataset = ScanNetDataset(tmp_path, "train", label_set=label_set)
    assert len(dataset.class_names) == count
    assert dataset.class_names[2] == third
    assert set(dataset[0].segment) == {0, 1, 2, 3}


def test_the_change_of_a_sample_depends_on_seed_epoch_and_index_alone(root):
    def shift(sample, rng):
        return sample.take(rng.permutation(len(sample)))

    def draw(index, *, epoch=0, seed=0):
        dataset = ScanNetDataset(root, "train", transform=shift, seed=seed)
        dataset.epoch = epoch
        return dataset[index].points

    np.testing.assert_array_equal(draw(1, epoch=3), draw(1, epoch=3))
    assert not np.array_equal(draw(1, epoch=3), draw(1, epoch=4))
    assert not np.array_equal(draw(1, seed=3), draw(1, seed=4))


def test_batches_hold_scenes_one_after_the_other(root):
    dataset = ScanNetDataset(root, "train", voxel_size=0.05)
    samples = [dataset[0], dataset[1]]
    batch = collate(samples)
    assert batch.sizes == (len(samples[0]), len(samples[1]))
    assert batch.names == ("room_0", "room_1")
    for name in ("points", "colors", "normals", "segment", "instance"):
        parts = getattr(batch, name).split(list(batch.sizes))
        for part, sample in zip(parts, samples, strict=True):
            assert torch.equal(part, torch.from_numpy(getattr(sample, name)))


def test_errors_say_what_to_do(root):
    with pytest.raises(FileNotFoundError, match=r"no scenes in .*toy/test: .* holds train"):
        ScanNetDataset(root, "test")
    with pytest.raises(ValueError, match="'coco'; give one of names, scannet20, scannet200"):
        ScanNetDataset(root, "train", label_set="coco")
    rewrite(root, "instance.npy", lambda old: old[:-1])
    with pytest.raises(ValueError, match=r"instance.npy has shape \(1399,\); 1400 points need"):
        ScanNetDataset(root, "train", voxel_size=0.1)[0]
    (root / "names.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"names\.txt is missing"):
        ScanNetDataset(root, "train")
