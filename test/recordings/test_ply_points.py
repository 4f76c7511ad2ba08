from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.scene_file import read_scene_file

POINTS = np.random.default_rng(0).uniform(-1, 1, (50, 3)).round(4)
COLORS = np.random.default_rng(1).integers(0, 256, (50, 3), np.uint8)
TYPES = {"f4": "float", "f8": "double", "u1": "uchar", "u2": "ushort", "i4": "int", "i1": "char"}
RGB = ("red", "green", "blue")


def write_ply(path, columns, *, order="<", eol="\n", head=(), tail=b"", end=()):
    """Write (name, values) columns as vertices; `head`: lines before, `end`: after them."""
    count = len(columns[0][1])
    kind = {"<": "binary_little_endian", ">": "binary_big_endian", "": "ascii"}[order]
    lines = ["ply", f"format {kind} 1.0", *head, f"element vertex {count}"]
    lines += [f"property {TYPES[v.dtype.str[1:]]} {name}" for name, v in columns]
    text = eol.join([*lines, *end, "end_header", ""]).encode()
    table = np.empty(count, [(name, (order or "<") + v.dtype.str[1:]) for name, v in columns])
    for name, values in columns:
        table[name] = values
    rows = eol.join(" ".join(str(v) for v in row.tolist()) for row in table) + eol
    path.write_bytes(text + (table.tobytes() if order else rows.encode()) + tail)
    return path


def xyz(points, dtype=np.float32):
    return [(name, points[:, i].astype(dtype)) for i, name in enumerate("xyz")]


def rgb(colors, names=RGB):
    return [(name, np.ascontiguousarray(colors[:, i])) for i, name in enumerate(names)]


def assert_read(path, atol=1e-6):
    cloud = read_scene_file(path)
    np.testing.assert_allclose(cloud.points, POINTS, atol=atol)
    np.testing.assert_array_equal(cloud.colors, COLORS)


@pytest.mark.parametrize("order", ["<", ">", ""])
@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_byte_order_line_end_and_type(tmp_path, order, eol, dtype):
    columns = xyz(POINTS, dtype) + rgb(COLORS)
    assert_read(write_ply(tmp_path / "it.ply", columns, order=order, eol=eol))


def test_header_lines_of_any_length_are_read(tmp_path):
    head = ["comment " + "é" * 9000, "obj_info " + "x" * 9000]
    assert_read(write_ply(tmp_path / "it.ply", xyz(POINTS) + rgb(COLORS), head=head))


@pytest.mark.parametrize(
    ("names", "colors"),
    [
        (("diffuse_red", "diffuse_green", "diffuse_blue"), COLORS),
        (("r", "g", "b"), COLORS),
        (("Red", "Green", "Blue"), COLORS),
        (("scalar_R", "scalar_G", "scalar_B"), COLORS.astype(np.float32)),
        (RGB, (COLORS / 255).astype(np.float32)),
        (RGB, COLORS.astype(np.int32)),
        (RGB, COLORS.view(np.int8)),
        (RGB, COLORS.astype(np.uint16) * 257),
        (RGB, COLORS.astype(np.uint16) * 256),
        (("f_dc_0", "f_dc_1", "f_dc_2"), ((COLORS / 255 - 0.5) / 0.2820948).astype(np.float32)),
    ],
)
def test_colours_in_every_spelling_and_range(tmp_path, names, colors):
    assert_read(write_ply(tmp_path / "it.ply", xyz(POINTS) + rgb(colors, names)))


def test_without_colours_the_properties_are_listed(tmp_path, caplog):
    columns = [*xyz(POINTS), ("intensity", COLORS[:, 0].astype(np.float32))]
    assert (read_scene_file(write_ply(tmp_path / "it.ply", columns)).colors == 128).all()
    assert "x, y, z, intensity" in caplog.text


def test_points_without_a_finite_colour_stay(tmp_path, caplog):
    colors = (COLORS / 255).astype(np.float32)
    colors[3] = np.nan
    cloud = read_scene_file(write_ply(tmp_path / "it.ply", xyz(POINTS) + rgb(colors)))
    assert len(cloud) == len(POINTS)
    assert cloud.colors[3].tolist() == [128] * 3
    assert "1 of 50 points have no finite colour" in caplog.text


@pytest.mark.parametrize("order", ["<", ""])
@pytest.mark.parametrize("share", [0.5, 0.75, 0.95])
def test_a_file_that_is_cut_off_is_refused(tmp_path, order, share):
    path = write_ply(tmp_path / "it.ply", xyz(POINTS) + rgb(COLORS), order=order)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(RecordingError, match=r"promises 50 of 'vertex', the file holds \d+"):
        read_scene_file(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("element vertex 99999999999999\nproperty float x", "99999999999999 of 'vertex'"),
        ("element face 99999999999\nproperty list uchar int i", "99999999999 of 'face'"),
        ("element vertex many", "no number of elements"),
        ("element vertex 1\nproperty quad x", "no known type: 'quad x'"),
        ("element vertex 0\nproperty float a\nproperty float b", "their properties: a, b"),
        ("nonsense", "a line that no PLY has: 'nonsense'"),
    ],
)
@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_headers_that_do_not_fit_are_refused(tmp_path, kind, text, complaint):
    path = tmp_path / "it.ply"
    path.write_text(f"ply\nformat {kind} 1.0\n{text}\nend_header\n1 2 3\n")
    with pytest.raises(RecordingError, match=complaint):
        read_scene_file(path)


def test_lists_of_vertices_and_what_follows_are_passed_over(tmp_path, caplog):
    header = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\n"
    header += "property list uchar int seen_in\nproperty float y\nproperty float z\n"
    header += "element camera 1\nproperty float f\nend_header\n"
    path = tmp_path / "it.ply"
    path.write_text(header + "1 3 7 8 9 2 3\n4 0 5 6\n500\n")
    assert read_scene_file(path).points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert "1 of 'camera' are not read" in caplog.text


SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
FACE = ["element face 1", "property list uchar int vertex_indices"]
QUAD = b"\4" + np.arange(4, dtype="<i4").tobytes()


def test_a_mesh_is_sampled_like_any_other(tmp_path):
    columns = xyz(SQUARE) + rgb(np.full((4, 3), (10, 20, 30), np.uint8))
    path = write_ply(tmp_path / "it.ply", columns, end=FACE, tail=QUAD)
    cloud = read_scene_file(path, spacing=0.01)
    assert len(cloud) == pytest.approx(40_000, abs=1)
    assert (cloud.colors == (10, 20, 30)).all()
    np.testing.assert_allclose(np.ptp(cloud.points, axis=0), [2, 2, 0], atol=0.02)


def test_a_mesh_as_dense_as_the_voxels_keeps_its_vertices(tmp_path):
    path = write_ply(tmp_path / "it.ply", xyz(SQUARE), end=FACE, tail=QUAD)
    np.testing.assert_array_equal(read_scene_file(path, spacing=1.5).points, SQUARE)


def test_faces_may_have_colours(tmp_path):
    end = [*FACE, *(f"property uchar {name}" for name in RGB)]
    path = write_ply(tmp_path / "it.ply", xyz(SQUARE), end=end, tail=QUAD + bytes([9, 8, 7]))
    assert (read_scene_file(path, spacing=0.1).colors == (9, 8, 7)).all()


@pytest.mark.parametrize("by_corner", [True, False])
def test_faces_may_have_a_picture(tmp_path, by_corner):
    texels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    Image.fromarray(texels).save(tmp_path / "it.png")
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    columns, end, tail = xyz(SQUARE), FACE, QUAD
    if by_corner:
        end, tail = [*FACE, "property list uchar float texcoord"], QUAD + b"\x08" + uv.tobytes()
    else:
        columns = [*columns, ("s", uv[:, 0]), ("t", uv[:, 1])]
    head = ["comment TextureFile it.png"]
    path = write_ply(tmp_path / "it.ply", columns, head=head, end=end, tail=tail)
    cloud = read_scene_file(path, spacing=0.1)
    for corner, texel in zip(SQUARE, texels[[1, 1, 0, 0], [0, 1, 1, 0]], strict=True):
        nearest = np.argmin(np.linalg.norm(cloud.points - corner / 2, axis=1))
        assert cloud.colors[nearest].tolist() == texel.tolist()


def test_triangle_strips_are_surface(tmp_path):
    end = ["element tristrips 1", "property list int int vertex_indices"]
    strip = np.array([6, 0, 1, 3, -1, 1, 2], "<i4")
    path = write_ply(tmp_path / "it.ply", xyz(SQUARE), end=end, tail=strip.tobytes())
    assert len(read_scene_file(path, spacing=0.01)) == pytest.approx(20_000, abs=2)


def test_a_corner_that_is_not_there_is_refused(tmp_path):
    wrong = b"\3" + np.array([0, 1, 17], "<i4").tobytes()
    path = write_ply(tmp_path / "it.ply", xyz(SQUARE), end=FACE, tail=wrong)
    with pytest.raises(RecordingError, match="the corner 17, but there are 4 vertices"):
        read_scene_file(path)
