"""ScanNet++ as downloaded: overlapping objects of a toy scene, worked out by hand."""

import numpy as np
import pytest
from support.raw_scans import write_groups, write_ply, write_segments

from seg3d_ros.datasets.scannetpp import ScanNetPP
from seg3d_ros.errors import InputError

MAP = (
    "class,count,semantic_map_to,instance_map_to\n"
    "table,9,,\n"
    "door,9,,\n"
    "wall,9,,\n"
    "books,9,book,book\n"
    "REMOVE,9,None,None\n"
    "spaceship,9,,\n"  # stands for itself, which is no class
)


@pytest.fixture
def raw(tmp_path):
    tables = tmp_path / "metadata" / "semantic_benchmark"
    tables.mkdir(parents=True)
    (tables / "map_benchmark.csv").write_text(MAP)
    (tmp_path / "splits").mkdir()
    lists = {"nvs_sem_train": "aa\nmissing\n", "nvs_sem_val": "bb\n", "sem_test": "cc\n"}
    for name, lines in lists.items():
        (tmp_path / "splits" / f"{name}.txt").write_text(lines)
    for name in ("aa", "bb", "cc"):
        scans = tmp_path / "data" / name / "scans"
        points = [[i, 0, 0] for i in range(8)]
        faces = [[0, 1, 2]]
        write_ply(scans / "mesh_aligned_0.05.ply", points, [[i, 0, 0] for i in range(8)], faces)
        write_segments(scans / "segments.json", range(8))
        groups = {
            11: ("wall", [0, 1, 2, 3, 4]),
            12: ("door", [3, 4]),  # smaller: takes its vertices from the wall
            13: ("books", [4, 5]),  # as large as the door: the first one keeps vertex 4
            14: ("table", [4]),  # the smallest, but vertex 4 has three objects already
            15: ("REMOVE", [6]),
            16: ("spaceship", [7]),
            17: ("table", [5, 6, 7]),
        }
        write_groups(scans / "segments_anno.json", groups)
    return tmp_path


def test_a_vertex_belongs_to_the_smallest_of_its_first_three_objects(raw):
    dataset = ScanNetPP(raw)
    scene = dataset.read(dataset.scenes().scenes[0])
    np.testing.assert_array_equal(scene.labels["instance"], [11, 11, 11, 12, 12, 13, 17, 17])
    # among the 100: wall 0, door 4, book 28, table 3
    np.testing.assert_array_equal(scene.labels["segment100"], [0, 0, 0, 4, 4, 28, 3, 3])
    # among the 84, of which a wall is none: table 0, door 1, book 20
    np.testing.assert_array_equal(scene.labels["segment"], [-1, -1, -1, 1, 1, 20, 0, 0])
    assert [dataset.class_names[i] for i in (0, 1, 20, 83)] == ["table", "door", "book", "marker"]
    assert len(dataset.class_names) == 84


def test_splits_come_from_the_lists(raw):
    listed = ScanNetPP(raw).scenes()
    assert [(s.split, s.name) for s in listed.scenes] == [
        ("train", "aa"), ("val", "bb"), ("test", "cc"),
    ]  # fmt: skip
    assert listed.published["train"] == 2, "one is not there"
    assert ScanNetPP(raw).read(listed.scenes[2]).labels.keys() == {"superpoint"}


def test_a_wrong_table_is_named(raw):
    (raw / "metadata" / "semantic_benchmark" / "map_benchmark.csv").write_text("class,x\na,b\n")
    with pytest.raises(InputError, match=r"map_benchmark\.csv is no table.*semantic_map_to"):
        ScanNetPP(raw).scenes()
