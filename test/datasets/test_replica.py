"""Replica as downloaded: objects of faces become objects of vertices."""

import json

import numpy as np
import pytest
from support.raw_scans import write_ply

from seg3d_ros.datasets.replica import Replica
from seg3d_ros.errors import InputError

# Two quadrangles and a triangle in a row:  0-1-2
#                                           | | |\
#                                           3-4-5-6
POINTS = [[0, 1, 0], [1, 1, 0], [2, 1, 0], [0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [9, 9, 9]]
FACES = [[3, 4, 1, 0], [4, 5, 2, 1], [5, 6, 2]]


@pytest.fixture
def raw(tmp_path):
    for name in ("room_0", "apartment_1"):
        habitat = tmp_path / name / "habitat"
        write_ply(habitat / "mesh_semantic.ply", POINTS, [[1, 2, 3]] * 8, FACES, [7, 2, 4])
        objects = [
            {"id": 7, "class_id": 80, "class_name": "tv-screen"},
            {"id": 2, "class_id": 93, "class_name": "wall"},
            {"id": 4, "class_id": 1, "class_name": "anonymize-picture"},  # not evaluated
        ]
        (habitat / "info_semantic.json").write_text(json.dumps({"objects": objects}))
    return tmp_path


def test_a_vertex_belongs_to_the_object_of_most_triangles_around_it(raw):
    dataset = Replica(raw)
    listed = dataset.scenes().scenes
    assert [(s.split, s.name) for s in listed] == [("train", "apartment_1"), ("val", "room_0")]
    scene = dataset.read(listed[1])
    # Fans: 341 310 | 452 421 | 562. Vertex 1 and 4 lie in two triangles of 7 or one, and of 2;
    # a tie goes to the smaller id; vertex 7 is in no face.
    np.testing.assert_array_equal(scene.labels["instance"], [7, 7, 2, 7, 2, 2, 4, -1])
    names = [*dataset.class_names, None]
    assert [names[i] for i in scene.labels["segment"]] == [
        "tv screen", "tv screen", "wall", "tv screen", "wall", "wall", None, None,
    ]  # fmt: skip
    np.testing.assert_allclose(scene.normals[0], [0, 0, 1])


def test_a_mesh_without_objects_is_refused(raw):
    write_ply(raw / "room_0" / "habitat" / "mesh_semantic.ply", POINTS, [[1, 2, 3]] * 8, FACES)
    dataset = Replica(raw)
    with pytest.raises(InputError, match=r"faces have no object_id.*vertex_indices"):
        dataset.read(dataset.scenes().scenes[1])
