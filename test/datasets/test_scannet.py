"""ScanNet as downloaded: labels of a toy scan, worked out by hand."""

import numpy as np
import pytest
from support.toy_scannet import COLORS, POINTS, write_scannet

from seg3d_ros.datasets.scannet import ScanNet
from seg3d_ros.errors import InputError


@pytest.fixture
def raw(tmp_path):
    return write_scannet(tmp_path)


def _read(dataset, name):
    return dataset.read(next(s for s in dataset.scenes().scenes if s.name == name))


def test_splits_are_those_of_the_benchmark(raw):
    listed = ScanNet(raw).scenes()
    splits = {scene.name: scene.split for scene in listed.scenes}
    assert splits == {"scene0000_00": "train", "scene0011_01": "val", "scene0707_00": "test"}
    assert listed.published == {"train": 1201, "val": 312, "test": 100}
    alone = ScanNet(raw / "scans", label_map=raw / "scannetv2-labels.combined.tsv")
    assert len(alone.scenes().scenes) == 2, "the folder of the scans will do"


def test_vertices_get_the_classes_of_both_benchmarks(raw):
    scene = _read(ScanNet(raw), "scene0000_00")
    np.testing.assert_array_equal(scene.points, np.array(POINTS, np.float32))
    np.testing.assert_array_equal(scene.colors, COLORS)
    # chair is class 4 of the 20 and 1 of the 200, wall is 0 in both, a flag is in neither
    np.testing.assert_array_equal(scene.labels["segment20"], [4, 4, 0, 0, -1, -1])
    np.testing.assert_array_equal(scene.labels["segment200"], [1, 1, 0, 0, -1, -1])
    np.testing.assert_array_equal(scene.labels["instance"], [0, 0, 5, 5, 2, -1])


def test_normals_weigh_faces_by_area(raw):
    scene = _read(ScanNet(raw), "scene0000_00")
    up, side = [0, 0, 1], [1, 0, 0]
    corner = [np.sqrt(0.2), 0, np.sqrt(0.8)]  # two faces up, one of the same area to the side
    between = [np.sqrt(0.5), 0, np.sqrt(0.5)]
    expected = [corner, up, up, between, [0, 0, 0], side]
    np.testing.assert_allclose(scene.normals, expected, atol=1e-6)


def test_superpoints_follow_the_faces(raw):
    superpoint = _read(ScanNet(raw), "scene0000_00").labels["superpoint"]
    assert superpoint[0] == superpoint[1] == superpoint[5], "connected, and too small to be cut"
    assert superpoint[4] != superpoint[0], "a vertex of no face"


def test_axes_are_aligned_only_if_asked(raw):
    scene = _read(ScanNet(raw, axis_align=True), "scene0000_00")
    np.testing.assert_array_equal(scene.points[1], [5, 7, 7])  # x becomes y
    np.testing.assert_array_equal(scene.points[3], [4, 6, 7])  # y becomes -x
    np.testing.assert_allclose(scene.normals[5], [0, 1, 0], atol=1e-6)


def test_test_scans_have_no_labels(raw):
    assert set(_read(ScanNet(raw), "scene0707_00").labels) == {"superpoint"}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": [1, 2]}', "2 segment indices.*6 vert"),
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": [1, ', "damaged"),
        (".aggregation.json", '{"segGroups": [{"id": 1}]}', "no annotation.*label"),
        (
            ".aggregation.json",
            '{"segGroups": [{"id": 1, "label": "a", "segments": 3}]}',
            "damaged",
        ),
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": [99999999999999999999]}', "damaged"),
        ("_vh_clean_2.ply", "ply\nformat ascii 1.0\nelement vertex 9\n", "cut off"),
    ],
)
def test_damaged_files_are_named(raw, file, content, message):
    (raw / "scans" / "scene0000_00" / f"scene0000_00{file}").write_text(content)
    with pytest.raises(InputError, match=f"(?s)scene0000_00{file}.*{message}"):
        _read(ScanNet(raw), "scene0000_00")


def test_a_missing_annotation_is_no_empty_one(raw):
    (raw / "scans" / "scene0011_01" / "scene0011_01.aggregation.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"scene0011_01\.aggregation\.json is missing"):
        _read(ScanNet(raw), "scene0011_01")


def test_nothing_begins_without_the_table_of_labels(raw):
    (raw / "scannetv2-labels.combined.tsv").unlink()
    with pytest.raises(FileNotFoundError, match="--label-map"):
        ScanNet(raw).scenes()
