from __future__ import annotations

import json

import numpy as np
import pytest
from support.toy_dataset import write_dataset

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.evaluation.scenes import load_classes, load_scene


def test_classes_of_made_rooms_are_seen_or_unseen(tmp_path):
    classes = load_classes(write_dataset(tmp_path), "names", objects_only=True)
    assert classes.names == ("floor", "wall", "crate", "ball")
    assert classes.ids == (0, 1, 2, 3)
    assert classes.ignored == {"floor", "wall", "ceiling"}
    assert classes.groups == {"seen": {"floor", "wall", "crate"}, "unseen": {"ball"}}
    assert classes.numbers(frozenset({"ball", "floor", "other"})).tolist() == [0, 3]
    assert not load_classes(tmp_path, "names").ignored


def test_the_benchmarks_know_no_instances_of_wall_and_floor(tmp_path):
    small, large = (load_classes(tmp_path, name) for name in ("scannet20", "scannet200"))
    assert small.ignored == large.ignored == {"wall", "floor"}
    assert "ceiling" in load_classes(tmp_path, "scannet200", objects_only=True).ignored


def test_label_ids_are_those_of_scannet(tmp_path):
    small, large = (load_classes(tmp_path, name) for name in ("scannet20", "scannet200"))
    of_small = dict(zip(small.names, small.ids, strict=True))
    assert (of_small["wall"], of_small["toilet"], of_small["other furniture"]) == (1, 33, 39)
    of_large = dict(zip(large.names, large.ids, strict=True))
    assert (of_large["wall"], of_large["chair"], of_large["mattress"]) == (1, 2, 1191)
    assert len(set(large.ids)) == 200


def test_every_class_of_scannet200_is_in_one_group(tmp_path):
    classes = load_classes(tmp_path, "scannet200")
    assert {group: len(names) for group, names in classes.groups.items()} == {
        "head": 66, "common": 68, "tail": 66,
    }  # fmt: skip
    assert frozenset().union(*classes.groups.values()) == frozenset(classes.names)
    assert not load_classes(tmp_path, "scannet20").groups


def test_unseen_names_may_be_given_to_any_data(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({"unseen_names": ["sofa", "unicorn"]}))
    groups = load_classes(tmp_path, "scannet20").groups
    assert groups["unseen"] == {"sofa"} and len(groups["seen"]) == 19
    (tmp_path / "dataset.json").write_text("[]")
    with pytest.raises(ValueError, match="no description of a data set"):
        load_classes(tmp_path, "scannet20")


def test_segmenters_see_voxels_and_colours_of_the_points(tmp_path):
    scene = load_scene(ScanNetDataset(write_dataset(tmp_path, rooms=1), "train"), 0)
    near = np.abs(scene.voxels.points[scene.voxel_of_point] - scene.sample.points)
    assert near.max() < scene.voxels.voxel_size == 0.02
    assert 0.1 < scene.voxels.colors.mean() < 0.9
    assert len(np.unique(scene.voxels.element_ids)) == len(scene.voxels)


def test_a_scene_without_points_is_refused(tmp_path):
    write_dataset(tmp_path, rooms=1)
    for file in (tmp_path / "train" / "room_0").glob("*.npy"):
        np.save(file, np.load(file)[:0])
    with pytest.raises(ValueError, match="room_0 has no points"):
        load_scene(ScanNetDataset(tmp_path, "train"), 0)


def test_scannetpp_has_100_classes_of_which_84_have_instances(tmp_path):
    classes = load_classes(tmp_path, "scannetpp")
    assert len(classes.names) == 100
    assert len(classes.ignored) == 16
    assert {"wall", "ceiling", "window frame"} < classes.ignored < set(classes.names)


def test_objects_alone_leave_out_what_the_benchmark_leaves_out(tmp_path):
    assert "pipe" in load_classes(tmp_path, "scannetpp", objects_only=True).ignored
    assert load_classes(tmp_path, "scannet200", objects_only=True).ignored == {
        "wall", "floor", "ceiling",
    }  # fmt: skip


def test_a_scene_far_from_zero_lies_where_its_file_says(tmp_path):
    root = write_dataset(tmp_path, rooms=1)
    file = next((root / "train").iterdir()) / "coord.npy"
    there = np.add(np.load(file), (500_000.25, 4_000_000.5, 0))
    np.save(file, there)
    scene = load_scene(ScanNetDataset(root, "train"), 0)
    found = scene.voxels.grid.map_from_local(scene.voxels.points).mean(axis=0)
    np.testing.assert_allclose(found, there.mean(axis=0), atol=0.2)
