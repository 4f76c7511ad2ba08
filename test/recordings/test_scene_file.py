from __future__ import annotations

import contextlib
import zipfile

import numpy as np
import pytest
from PIL import Image
from support.glb import write_square_glb

from seg3d_ros.recordings import array_file
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.scene_file import PointCloud, read_scene_file, voxelize_cloud

POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float64)
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [51, 102, 204]], np.uint8)
TEXELS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def assert_is_the_cloud(cloud):
    np.testing.assert_allclose(cloud.points, POINTS, atol=1e-6)
    np.testing.assert_array_equal(cloud.colors, COLORS)
    assert (cloud.points.dtype, cloud.colors.dtype) == (np.float32, np.uint8)


@pytest.mark.parametrize("suffix", [".ply", ".pcd"])
@pytest.mark.parametrize("ascii_text", [True, False])
def test_clouds_are_read_as_they_were_written(tmp_path, suffix, ascii_text):
    o3d = pytest.importorskip("open3d", reason="Open3D is not installed")
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(POINTS))
    cloud.colors = o3d.utility.Vector3dVector(COLORS / 255)
    path = tmp_path / f"it{suffix}"
    o3d.io.write_point_cloud(path, cloud, write_ascii=ascii_text)
    assert path.read_bytes().isascii() is ascii_text
    assert_is_the_cloud(read_scene_file(path))


@pytest.mark.parametrize(
    ("names", "colors"),
    [
        (("xyz", "rgb"), COLORS),
        (("points", "colors"), COLORS.astype(np.float32)),
        (("coord", "color"), COLORS / 255),
    ],
)
def test_arrays_may_have_the_usual_names_and_ranges(tmp_path, names, colors):
    np.savez(tmp_path / "it.npz", **dict(zip(names, (POINTS, colors), strict=True)))
    assert_is_the_cloud(read_scene_file(tmp_path / "it.npz"))


def test_points_that_are_not_finite_are_left_out(tmp_path):
    dirty = np.concatenate([[[np.nan, 0, 0]], POINTS, [[0, np.inf, 0]]])
    np.savez(tmp_path / "it.npz", xyz=dirty, rgb=np.concatenate([COLORS[:1], COLORS, COLORS[:1]]))
    assert_is_the_cloud(read_scene_file(tmp_path / "it.npz"))


def test_without_colours_it_is_grey_and_said(tmp_path, caplog):
    np.savez(tmp_path / "it.npz", xyz=POINTS)
    assert (read_scene_file(tmp_path / "it.npz").colors == 128).all()
    assert "no colours" in caplog.text


def test_unit_and_up_axis_are_brought_to_ours(tmp_path):
    np.savez(tmp_path / "it.npz", xyz=POINTS * 1000, rgb=COLORS)
    cloud = read_scene_file(tmp_path / "it.npz", scale=0.001, up="y")
    np.testing.assert_allclose(cloud.points[2], [0, 0, 2], atol=1e-6)
    np.testing.assert_allclose(cloud.points[3], [0, -3, 0], atol=1e-6)


UTM = np.array([500_000.25, 4_649_776.5, 212.0])


@pytest.mark.parametrize(("scale", "up"), [(1.0, "z"), (0.001, "y")])
def test_utm_coordinates_keep_their_millimetres(tmp_path, scale, up):
    np.savez(tmp_path / "it.npz", xyz=(POINTS + UTM) / scale, rgb=COLORS)
    cloud = read_scene_file(tmp_path / "it.npz", scale=scale, up=up)
    x, y, z = (POINTS + UTM).T
    expected = np.stack([x, y, z] if up == "z" else [x, -z, y], axis=1)
    np.testing.assert_allclose(cloud.points + cloud.origin, expected, atol=1e-6)
    assert np.abs(cloud.points).max() < 10
    scene, _ = voxelize_cloud(cloud, 0.02)
    order = np.lexsort(expected.T[::-1])
    np.testing.assert_allclose(scene.grid.map_from_local(scene.points), expected[order], atol=1e-6)


def test_stray_points_do_not_decide_where_a_scene_lies(tmp_path, caplog):
    room = UTM + np.random.default_rng(0).uniform(0, 5, (2_000, 3))
    strays = [[0, 0, 0], [0, 0, 0], [1e12, 0, 0]]
    np.savez(tmp_path / "it.npz", xyz=np.vstack([strays, room]))
    cloud = read_scene_file(tmp_path / "it.npz")
    np.testing.assert_allclose(cloud.points + cloud.origin, room, atol=1e-6)
    assert "3 of 2003 points are far from all others, such as (0, 0, 0)" in caplog.text


def color_near(cloud, place):
    return cloud.colors[np.argmin(np.linalg.norm(cloud.points - place, axis=1))].tolist()


def test_gltf_surfaces_are_sampled_evenly_with_y_up(tmp_path):
    pytest.importorskip("open3d", reason="Open3D is not installed")
    cloud = read_scene_file(write_square_glb(tmp_path / "it.glb"), spacing=0.02)
    assert len(cloud) == pytest.approx(2500, abs=1)
    np.testing.assert_allclose(cloud.points[:, 2], 2)  # the file has it at y = 2
    counts, _, _ = np.histogram2d(*cloud.points[:, :2].T, bins=4)
    assert counts.min() > 100  # 156 on average
    expected = np.stack([1 - cloud.points[:, 0], np.zeros(len(cloud)), cloud.points[:, 0]], axis=1)
    np.testing.assert_allclose(cloud.colors / 255, expected, atol=0.01)
    again = read_scene_file(tmp_path / "it.glb", spacing=0.02)
    np.testing.assert_array_equal(again.points, cloud.points)


def test_textures_colour_a_gltf_mesh(tmp_path):
    pytest.importorskip("open3d", reason="Open3D is not installed")
    path = write_square_glb(tmp_path / "it.glb", texture=TEXELS)
    cloud = read_scene_file(path, spacing=0.02)
    assert color_near(cloud, (0.2, -0.2, 2)) == [255, 0, 0]  # (u, v) is (x, z) there, v down
    assert color_near(cloud, (0.8, -0.2, 2)) == [0, 255, 0]
    assert color_near(cloud, (0.2, -0.8, 2)) == [0, 0, 255]
    assert color_near(cloud, (0.8, -0.8, 2)) == [255, 255, 255]


def test_textures_colour_an_obj_mesh(tmp_path):
    pytest.importorskip("open3d", reason="Open3D is not installed")
    Image.fromarray(TEXELS).save(tmp_path / "t.png")
    (tmp_path / "m.mtl").write_text("newmtl a\nmap_Kd t.png\n")
    corners = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    faces = "f 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    (tmp_path / "m.obj").write_text(f"mtllib m.mtl\nusemtl a\n{corners}{faces}")
    cloud = read_scene_file(tmp_path / "m.obj", spacing=0.02)
    assert color_near(cloud, (0.2, 0.8, 0)) == [255, 0, 0]  # v up
    assert color_near(cloud, (0.8, 0.2, 0)) == [255, 255, 255]


class Payload:
    """Something that is no array."""


def damaged(name, path):
    if name == "cut.npz":
        np.savez(path, xyz=POINTS)
        path.write_bytes(path.read_bytes()[:80])
    elif name == "pickle.npz":
        np.savez(path, xyz=np.array([Payload()], object))
    elif name == "nameless.npz":
        np.savez(path, a=POINTS)
    elif name == "flat.npz":
        np.savez(path, xyz=POINTS[:, :2])
    elif name == "uneven.npz":
        np.savez(path, xyz=POINTS, rgb=COLORS[:2])
    elif name == "nan.npz":
        np.savez(path, xyz=POINTS * np.nan)
    elif name == "far.npz":
        np.savez(path, xyz=POINTS * 1000)
    else:
        path.write_text("neither cloud nor mesh")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("cut.npz", "no archive of arrays"),
        ("pickle.npz", "no archive of arrays"),
        ("nameless.npz", "no positions; name them xyz"),
        ("flat.npz", r"shape \(4, 2\)"),
        ("uneven.npz", r"colours have shape \(2, 3\)"),
        ("nan.npz", "holds no point"),
        ("far.npz", "3000 m long.*--scale 0.001"),
        ("text.npz", "no archive of arrays"),
        ("text.ply", "does not begin with the line 'ply'"),
        ("text.pcd", "no PCD header"),
        ("text.glb", "no description of a glTF scene"),
        ("text.obj", "neither a surface nor points"),
        ("scene.las", "of no kind that can be read"),
    ],
)
def test_bad_files_are_refused_with_a_reason(tmp_path, name, complaint):
    if not name.endswith(("npz", "las")):
        pytest.importorskip("open3d", reason="Open3D is not installed")
    damaged(name, tmp_path / name)
    with pytest.raises(RecordingError, match=complaint):
        read_scene_file(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="does not exist"):
        read_scene_file(tmp_path / "it.ply")


def test_voxels_hold_means_and_every_point_knows_its_own():
    points = np.array([[0.01, 0, 0], [0.25, 0, 0], [0.03, 0, 0]], np.float32)
    colors = np.array([[0, 0, 0], [255, 0, 255], [102, 0, 0]], np.uint8)
    scene, rows = voxelize_cloud(PointCloud(points, colors), 0.1)
    assert rows.tolist() == [0, 1, 0]
    np.testing.assert_allclose(scene.points, [[0.02, 0, 0], [0.25, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(scene.colors, [[0.2, 0, 0], [1, 0, 1]], atol=1e-6)
    assert scene.points.dtype == scene.colors.dtype == np.float32


def test_archives_that_unpack_to_too_much_are_refused_before_they_do(tmp_path, monkeypatch):
    monkeypatch.setattr(array_file, "MAX_BYTES", 1000)
    np.savez_compressed(tmp_path / "it.npz", xyz=np.zeros((100, 3)))
    with pytest.raises(RecordingError, match="unpacks to 2528 bytes, 1000 are allowed"):
        read_scene_file(tmp_path / "it.npz")


@pytest.mark.parametrize("kind", [">f8", "<f4"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_any_layout_are_read(tmp_path, kind, save):
    save(tmp_path / "it.npz", xyz=np.asfortranarray(POINTS.astype(kind)), rgb=COLORS)
    assert_is_the_cloud(read_scene_file(tmp_path / "it.npz"))


@pytest.mark.parametrize("header", [b"{'descr': (3,", b"-" * 9000, b"{}", b"\xff"])
def test_archives_with_a_damaged_array_are_refused(tmp_path, header):
    member = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / "it.npz", "w") as archive:
        archive.writestr("xyz.npy", member)
    with pytest.raises(RecordingError, match="no archive of arrays"):
        read_scene_file(tmp_path / "it.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_with_flipped_bits_are_refused_or_read(tmp_path, method):
    np.savez(tmp_path / "it.npz", xyz=POINTS)
    with zipfile.ZipFile(tmp_path / "it.npz") as plain:
        content = plain.read("xyz.npy")
    with zipfile.ZipFile(tmp_path / "it.npz", "w", method) as archive:
        archive.writestr("xyz.npy", content)
    data = (tmp_path / "it.npz").read_bytes()
    for at in range(0, len(data), 3):
        flipped = bytes([*data[:at], data[at] ^ 0x55, *data[at + 1 :]])
        (tmp_path / "flipped.npz").write_bytes(flipped)
        with contextlib.suppress(RecordingError):
            read_scene_file(tmp_path / "flipped.npz")
