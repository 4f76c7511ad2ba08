"""S3DIS as downloaded, with the faults that its files are known for."""

import numpy as np
import pytest

from seg3d_ros.datasets.s3dis import CLASSES, S3DIS
from seg3d_ros.errors import InputError


@pytest.fixture
def raw(tmp_path):
    for area, room in [("Area_1", "office_1"), ("Area_5", "hallway_6")]:
        folder = tmp_path / area / room / "Annotations"
        folder.mkdir(parents=True)
        (folder / "ceiling_1.txt").write_bytes(b"0 0 3 185\x00187 182\r\n2 4 3 1 2 3\r\n")
        (folder / "chair_2.txt").write_text("1 2 1 9.000 8.000 7.000\n")
        (folder / "stairs_1.txt").write_text("1 0 0 0 0 0\n")
        (folder / "chair_2 (1).txt").write_text("1 2 1 9 8 7\n")
        (folder / ".DS_Store").write_bytes(b"\x00")
        (tmp_path / area / f"{area}_alignmentAngle.txt").write_text(
            f"## Global alignment angle per disjoint space in {area} ##\n{room} 90\n"
        )
    return tmp_path


def test_objects_become_instances(raw):
    dataset = S3DIS(raw)
    listed = dataset.scenes().scenes
    assert [(s.split, s.name) for s in listed] == [
        ("train", "Area_1_office_1"), ("val", "Area_5_hallway_6"),
    ]  # fmt: skip
    scene = dataset.read(listed[1])
    np.testing.assert_array_equal(scene.points, [[0, 0, 3], [2, 4, 3], [1, 2, 1], [1, 0, 0]])
    np.testing.assert_array_equal(scene.colors, [[185, 187, 182], [1, 2, 3], [9, 8, 7], [0, 0, 0]])
    np.testing.assert_array_equal(scene.labels["instance"], [0, 0, 1, 2])
    names = [CLASSES[i] for i in scene.labels["segment"]]
    assert names == ["ceiling", "ceiling", "chair", "clutter"], "stairs are clutter"


def test_rooms_turn_clockwise_about_their_middle(raw):
    dataset = S3DIS(raw, axis_align=True)
    scene = dataset.read(dataset.scenes().scenes[0])
    # The middle is (1, 2); a quarter clockwise takes (-1, -2) beside it to (-2, 1).
    expected = [[-1, 3, 3], [3, 1, 3], [1, 2, 1], [-1, 2, 0]]
    np.testing.assert_allclose(scene.points, expected, atol=1e-6)


def test_any_area_can_be_held_out(raw):
    assert [s.split for s in S3DIS(raw, held_out=1).scenes().scenes] == ["val", "train"]


@pytest.mark.parametrize("content", ["1 2 3 4 5\n", "1 2 3 4 5 x\n", "1 2 3 4 5 nan\n"])
def test_a_damaged_object_is_named(raw, content):
    (raw / "Area_1" / "office_1" / "Annotations" / "chair_2.txt").write_text(content)
    dataset = S3DIS(raw)
    with pytest.raises(InputError, match=r"chair_2\.txt"):
        dataset.read(dataset.scenes().scenes[0])
