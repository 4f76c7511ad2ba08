"""`seg3d superpoints`: meshes along their edges, clouds by their neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.parity import OWN, Recording

from seg3d_ros.cli import main
from seg3d_ros.recordings.ply_file import read_ply
from seg3d_ros.segmenters.superpoints import segment_mesh


def write_ply(path, vertices, faces):
    lines = [
        "ply", "format ascii 1.0", f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {color}" for color in ("red", "green", "blue")),
        f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header",
        *(f"{x!r} {y!r} {z!r} 10 20 30" for x, y, z in vertices.tolist()),
        *(f"3 {a} {b} {c}" for a, b, c in faces.tolist()),
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def recorded():
    return Recording(OWN / "lassm/superpoints.npz").arrays


def test_a_mesh_is_cut_along_its_edges(tmp_path, recorded, capsys):
    vertices, faces = recorded["vertices"].numpy(), recorded["faces"].numpy()
    write_ply(tmp_path / "scene.ply", vertices, faces)
    arguments = [str(tmp_path / "scene.ply"), "-o", str(tmp_path / "out"), "--voxel-size", "0.5"]
    assert main(["superpoints", *arguments]) == 0
    expected = segment_mesh(vertices, faces)
    assert np.array_equal(np.load(tmp_path / "out/superpoint.npy"), expected)
    columns = read_ply(tmp_path / "out/superpoints.ply").columns("vertex")
    assert np.array_equal(columns["superpoint"], expected)
    assert np.array_equal(columns["x"], vertices[:, 0])
    assert Image.open(tmp_path / "out/view.png").size == (1600, 800)
    assert f"{len(vertices)} points, 33 superpoints" in capsys.readouterr().out


def test_a_cloud_has_one_superpoint_a_voxel(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.random((3000, 3)) * [1, 1, 0.001] + [5, 5, 5.005]
    np.savez(tmp_path / "scene.npz", xyz=points, rgb=np.full(points.shape, 99, np.uint8))
    arguments = [str(tmp_path / "scene.npz"), "-o", str(tmp_path / "out")]
    assert main(["superpoints", *arguments, "--voxel-size", "0.05"]) == 0
    ids = np.load(tmp_path / "out/superpoint.npy")
    _, voxel = np.unique(np.floor(points / 0.05), axis=0, return_inverse=True)
    assert len(ids) == len(points)
    assert len(np.unique(np.stack([voxel.reshape(-1), ids]), axis=1).T) == voxel.max() + 1


def test_bad_input_is_one_line(tmp_path, capsys):
    (tmp_path / "scene.ply").write_text("ply\nno header\n")
    assert main(["superpoints", str(tmp_path / "scene.ply"), "-o", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
