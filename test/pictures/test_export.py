from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from seg3d_ros.objects.map_object import Candidate
from seg3d_ros.pictures.export import write_instances_ply, write_objects_json
from seg3d_ros.pictures.palette import color_of

TYPES = {"float": "<f4", "double": "<f8", "uchar": "u1", "uint": "<u4"}


def read_ply(path):
    """A reader that follows nothing but the file's own header."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    (count,) = (int(line.split()[2]) for line in lines if line.startswith("element vertex"))
    properties = [line.split()[1:] for line in lines if line.startswith("property")]
    vertices = np.frombuffer(body, [(name, TYPES[kind]) for kind, name in properties])
    assert len(vertices) == count
    return vertices


def test_ply_holds_every_point_in_the_colour_of_its_object(tmp_path, room, in_block, make_object):
    inside = in_block(room.points)
    write_instances_ply(tmp_path / "a.ply", room, [make_object(inside, object_id=9)])
    vertices = read_ply(tmp_path / "a.ply")
    points = np.stack([vertices[axis] for axis in "xyz"], axis=1)
    np.testing.assert_array_equal(points, room.points)
    np.testing.assert_array_equal(vertices["instance_id"], np.where(inside, 9, 0))
    colors = np.stack([vertices[name] for name in ("red", "green", "blue")], axis=1)
    np.testing.assert_array_equal(np.unique(colors[inside], axis=0), [color_of(9)])
    np.testing.assert_array_equal(np.unique(colors[~inside], axis=0), [(150, 150, 150)])


def test_a_scene_with_an_origin_is_written_in_the_map_frame(tmp_path, room):
    origin = np.array([500_000.0, 4_649_776.0, 212.0])
    write_instances_ply(tmp_path / "a.ply", dataclasses.replace(room, origin=origin), [])
    vertices = read_ply(tmp_path / "a.ply")
    points = np.stack([vertices[axis] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(points - origin, room.points, atol=1e-6)


def test_open3d_reads_it(tmp_path, room):
    o3d = pytest.importorskip("open3d", reason="Open3D is not installed")
    write_instances_ply(tmp_path / "a.ply", room, [])
    cloud = o3d.io.read_point_cloud(str(tmp_path / "a.ply"))
    np.testing.assert_allclose(np.asarray(cloud.points), room.points)


def test_where_two_objects_share_voxels_the_smaller_is_shown(
    tmp_path, room, in_block, make_object
):
    inside = in_block(room.points)
    objects = [make_object(inside, object_id=2), make_object(room.points[:, 2] < 0.3, object_id=1)]
    for order in (objects, objects[::-1]):
        write_instances_ply(tmp_path / "a.ply", room, order)
        assert (read_ply(tmp_path / "a.ply")["instance_id"][inside] == 2).all()


def test_json_states_frame_units_and_every_object(tmp_path, room, in_block, make_object):
    item = make_object(in_block(room.points), object_id=7)
    item = item.__class__(**{**vars(item), "candidates": (Candidate("box", 0.8),)})
    write_objects_json(tmp_path / "deep/objects.json", [item], frame="map", model="geometric")
    document = json.loads((tmp_path / "deep/objects.json").read_text())
    assert (document["frame"], document["model"]) == ("map", "geometric")
    assert document["units"]["length"] == "metre"
    (written,) = document["objects"]
    assert (written["id"], written["label"]) == (7, "box")
    assert written["candidates"] == [{"label": "box", "probability": 0.8}]
    np.testing.assert_allclose(written["box"]["center"][:2], (2.0, 1.5), atol=0.03)
    np.testing.assert_allclose(written["box"]["size"], item.box.size, atol=1e-4)
    assert (written["first_seen"], written["last_seen"]) == (10, 20)
