from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.scene_file import read_scene_file

SQUARE = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\n"


def read(path, text, spacing=0.01):
    path.write_text(text)
    return read_scene_file(path, spacing=spacing)


def colors_at(cloud, low, high):
    inside = (cloud.points[:, 0] > low) & (cloud.points[:, 0] < high)
    return np.unique(cloud.colors[inside], axis=0).tolist()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("it.obj", SQUARE + "f 1 2 3 4\n"),
        ("it.obj", SQUARE + "f -4 -3 -2 -1\n"),
        ("it.obj", "v 5 5 5\nf 1 1 1\n" + SQUARE + "f -4//1 -3//1 \\\n-2//1 -1//1"),
        ("it.obj", SQUARE + "v 0 1 0\nf 1/1 2/1 3/1 5/1 4/1\n"),
        ("it.off", "OFF 4 1 0\n-1 -1 0\n1 -1 0\n1 1 0 # corner\n-1 1 0\n4 0 1 2 3\n"),
        ("it.stl", "solid a\n" + "".join(
            f"facet\nouter loop\nvertex -1 -1 0\nvertex {a}\nvertex {b}\nendloop\nendfacet\n"
            for a, b in (("1 -1 0", "1 1 0"), ("1 1 0", "-1 1 0"))) + "endsolid a\n"),
    ],
)  # fmt: skip
def test_polygons_of_any_size_are_surface(tmp_path, name, text, caplog):
    cloud = read(tmp_path / name, text)
    assert 40_000 <= len(cloud) <= 40_001 + 3
    flat = cloud.points[cloud.points[:, 2] < 1]
    np.testing.assert_allclose(flat.min(axis=0), [-1, -1, 0], atol=0.02)
    np.testing.assert_allclose(flat.max(axis=0), [1, 1, 0], atol=0.02)
    assert "no colours" in caplog.text


MATERIALS = "newmtl red\nKd 0.8 0.1 0.1\nnewmtl green one\nKd 0 1 0\n"
TWO = "mtllib it.mtl\n" + SQUARE + "v 3 1 0\nv 3 -1 0\nvt 0 0\n"
TWO += "usemtl red\nf 1/1 2/1 3/1 4/1\nusemtl green one\nf 2/1 6/1 5/1 3/1\n"


def test_each_material_has_its_colour_with_or_without_places_in_a_picture(tmp_path):
    (tmp_path / "it.mtl").write_text(MATERIALS)
    cloud = read(tmp_path / "it.obj", TWO)
    assert colors_at(cloud, -1, 1) == [[204, 26, 26]]
    assert colors_at(cloud, 1, 3) == [[0, 255, 0]]


def test_a_picture_and_a_plain_material_in_one_file(tmp_path, caplog):
    Image.fromarray(np.full((2, 2, 3), (7, 8, 9), np.uint8)).save(tmp_path / "a b.png")
    text = MATERIALS + "newmtl more\nmap_Kd none.png\n"
    picture = "Kd 0.8 0.1 0.1\nmap_Kd -s 1 1 1 C:\\textures\\a b.png"
    (tmp_path / "it.mtl").write_text(text.replace("Kd 0.8 0.1 0.1", picture))
    cloud = read(tmp_path / "it.obj", TWO)
    assert colors_at(cloud, -1, 1) == [[7, 8, 9]]
    assert colors_at(cloud, 1, 3) == [[0, 255, 0]]
    assert "'none.png' of a texture is missing" in caplog.text


@pytest.mark.parametrize("scale", [1, 255])
def test_vertices_of_no_face_are_points(tmp_path, scale):
    rows = [f"v {x} 0 0 {x * scale} 0 {scale}" for x in (0, 1)]
    cloud = read(tmp_path / "it.obj", "\n".join([*rows, "# end"]))
    assert cloud.points.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert cloud.colors.tolist() == [[0, 0, 255], [255, 0, 255]]


def test_vertices_without_a_finite_colour_lose_no_points(tmp_path, caplog):
    colors = ["nan 0 0", "1 0 0", "1 0 0", "1 0 0", "nan nan nan"]
    rows = [f"{row} {rgb}" for row, rgb in zip([*SQUARE.splitlines(), "v 0 2 0"], colors)]
    cloud = read(tmp_path / "it.obj", "\n".join([*rows, "f 1 2 3 4", "f 5 5 5"]))
    assert len(cloud) == 40_001
    assert (cloud.colors == (255, 0, 0)).all()
    grey = read(tmp_path / "it.obj", "\n".join([*rows, "f 1 2 3 4"]))
    assert grey.colors[-1].tolist() == [128] * 3
    assert "1 of 40002 points have no colour and are grey" in caplog.text


def test_what_is_skipped_is_counted(tmp_path, caplog):
    read(
        tmp_path / "it.obj", "mtllib no.mtl\n" + SQUARE + "f 1 2 3 4\nf 1 2\nl 1 2\nl 2 3\nv 9 9 9"
    )
    for sentence in (
        "'no.mtl' cannot be read", "1 faces with fewer than 3 corners", "2 lines are not read",
        "1 vertices of no face are read as points",
    ):  # fmt: skip
        assert sentence in caplog.text


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("it.obj", SQUARE + "f 1 2 9\n", "corner 8, but there are 4 vertices"),
        ("it.obj", SQUARE + "f 0 1 2\n", "corner -1, but there are 4"),
        ("it.obj", SQUARE + "f a b c\n", "a face holds a word that is no number"),
        ("it.obj", "v 1 2\n", "line 1 has fewer than 3 numbers"),
        ("it.off", "OFF\n4 1 0\n0 0 0\n", "promises 4 vertices and 1 faces, the file holds 1"),
        ("it.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "corner 7"),
        ("it.stl", "solid a\nvertex 1 2 3\n", "cut off"),
        ("it.stl", "x" * 200, "no STL file, cut off or damaged"),
        ("it.glb", "glTF", "cut off"),
        ("it.gltf", "{}", "no description of a glTF scene"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, text, complaint):
    with pytest.raises(RecordingError, match=complaint):
        read(tmp_path / name, text)


def write_gltf(path, primitives, *, materials=(), nodes=({"mesh": 0},), **more):
    """Write primitives, dicts of arrays by attribute, "indices", "mode" and "material"."""
    data, views, accessors, made = b"", [], [], []
    for primitive in primitives:
        numbers = {}
        for name, values in primitive.items():
            if isinstance(values, int):
                continue
            code = {"f4": 5126, "u1": 5121, "u2": 5123, "u4": 5125, "i2": 5122}[
                values.dtype.str[1:]
            ]
            kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[values.shape[-1]]
            views.append({"buffer": 0, "byteOffset": len(data), "byteLength": values.nbytes})
            accessors.append({"bufferView": len(views) - 1, "componentType": code,
                              "count": len(values), "type": kind,
                              "normalized": name == "COLOR_0"})  # fmt: skip
            numbers[name] = len(accessors) - 1
            data += values.tobytes() + b"\0" * (-values.nbytes % 4)
        item = {k: v for k, v in primitive.items() if isinstance(v, int)}
        item |= {"indices": numbers.pop("indices")} if "indices" in numbers else {}
        made.append(item | {"attributes": numbers})
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    path.write_text(json.dumps({
        "asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": list(nodes),
        "meshes": [{"primitives": made}], "materials": list(materials), "accessors": accessors,
        "bufferViews": views, "buffers": [{"uri": uri, "byteLength": len(data)}], **more,
    }))  # fmt: skip
    return path


QUAD = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
RED = {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}}
UV = np.zeros((4, 2), np.float32)


@pytest.mark.parametrize("mode", [{}, {"mode": 5}, {"mode": 6}])
def test_gltf_triangles_strips_and_fans(tmp_path, mode):
    rows = {5: [0, 1, 2, 3], 6: [0, 1, 3, 2]}.get(mode.get("mode"), [0, 1, 2, 1, 3, 2])
    indices = np.array(rows, np.uint16)[:, None]
    quad = {"POSITION": QUAD, "TEXCOORD_0": UV, "indices": indices, "material": 0, **mode}
    cloud = read_scene_file(write_gltf(tmp_path / "it.gltf", [quad], materials=[RED]), up="z")
    assert len(cloud) == pytest.approx(10_000, abs=2)
    assert (cloud.colors == (255, 0, 0)).all()


def test_gltf_points_and_nodes(tmp_path):
    colors = np.array([[255, 0, 0, 255]] * 4, np.uint8)
    points = {"POSITION": QUAD, "COLOR_0": colors, "mode": 0}
    nodes = [{"children": [1], "translation": [0, 0, 5]}, {"mesh": 0, "scale": [2, 2, 2]}]
    cloud = read_scene_file(write_gltf(tmp_path / "it.gltf", [points], nodes=nodes), up="z")
    np.testing.assert_allclose(cloud.points, QUAD * 2 + [0, 0, 5])
    assert (cloud.colors == (255, 0, 0)).all()


def test_gltf_primitives_that_share_vertices_leave_no_points_behind(tmp_path, caplog):
    halves = [
        {"POSITION": QUAD, "indices": np.array(rows, np.uint8)[:, None]}
        for rows in ([0, 1, 2], [1, 3, 2])
    ]
    assert len(read_scene_file(write_gltf(tmp_path / "it.gltf", halves))) == 10_001
    assert "no face" not in caplog.text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"accessors": [{"componentType": 5126, "count": 10**12, "type": "VEC3"}]}, "has no data"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 10**9}]}, "ends at byte 1000000000 of"),
        ({"accessors": []}, "its description is damaged"),
        ({"nodes": [{"children": [0]}]}, "in a circle"),
        ({"asset": {"version": "1.0"}}, "export it as 2.0"),
        ({"extensionsRequired": ["EXT_meshopt_compression"]}, "EXT_meshopt_compression"),
    ],
)
def test_damaged_gltf_is_refused(tmp_path, change, complaint):
    with pytest.raises(RecordingError, match=complaint):
        read_scene_file(write_gltf(tmp_path / "it.gltf", [{"POSITION": QUAD}], **change))
