"""`seg3d click` on small files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import toy_room

from seg3d_ros.cli import main
from seg3d_ros.pictures.results import FILES

GREEN = toy_room.BOXES[1]
ON_TOP = [GREEN.center[0], GREEN.center[1], GREEN.high[2]]


@pytest.fixture(scope="module")
def room():
    return toy_room.cloud(3)


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path / "weights"))


def written(room, path, *, ascii_text=False):
    points, colors = room
    if path.suffix == ".npz":
        np.savez(path, xyz=points, rgb=colors)
        return path
    o3d = pytest.importorskip("open3d", reason="Open3D is not installed")
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.colors = o3d.utility.Vector3dVector(colors / 255)
    o3d.io.write_point_cloud(path, cloud, write_ascii=ascii_text)
    return path


def words(numbers):
    return [f"{value:.4f}" for value in numbers]


def clicked(scene, output, *options):
    options = ("--model", "geometric", *options)  # finds plain boxes without fail
    assert main(["click", str(scene), "-o", str(output), *options]) == 0
    (item,) = json.loads((output / "objects.json").read_text())["objects"]
    return item


@pytest.mark.parametrize(
    ("file", "ascii_text"),
    [("r.ply", False), ("r.ply", True), ("r.pcd", False), ("r.pcd", True), ("r.npz", False)],
)
def test_the_object_under_the_click_whatever_the_file(room, tmp_path, file, ascii_text, capsys):
    scene, output = written(room, tmp_path / file, ascii_text=ascii_text), tmp_path / "out"
    item = clicked(scene, output, "--at", *words(ON_TOP), "--name", "box of tea")
    assert {path.name for path in output.iterdir()} == set(FILES)
    assert item["label"] == "box of tea"
    np.testing.assert_allclose(item["box"]["center"][:2], GREEN.center[:2], atol=0.06)
    assert "box of tea" in capsys.readouterr().out
    report = json.loads((output / "timings.json").read_text())
    assert report["model"] == "geometric" and report["clicks"] == 1


def test_what_is_not_the_object_is_left_out(room, tmp_path):
    scene = written(room, tmp_path / "room.npz")
    floor, beside_box = ["0.2", "0.4", "0"], ["0.65", "-0.4", "0"]
    whole = clicked(scene, tmp_path, "--at", *floor)
    cut = clicked(scene, tmp_path, "--at", *floor, "--not", *beside_box)
    both = clicked(scene, tmp_path, "--at", *floor, "--at", *words(ON_TOP))
    assert cut["voxels"] < whole["voxels"] < both["voxels"]


def test_clicks_and_results_are_in_the_coordinates_of_the_file(room, tmp_path):
    utm = np.array([500_000.25, 4_649_776.5, 212.0])
    points, colors = room
    scene = written((points + utm, colors), tmp_path / "utm.npz")
    item = clicked(scene, tmp_path / "utm", "--at", *words(utm + ON_TOP))
    near = clicked(written(room, tmp_path / "near.npz"), tmp_path / "near", "--at", *words(ON_TOP))
    center = np.subtract(item["box"]["center"], utm)
    np.testing.assert_allclose(center, near["box"]["center"], atol=0.021)
    np.testing.assert_allclose(item["box"]["size"], near["box"]["size"], atol=0.041)


def test_clicks_are_in_the_axes_and_the_unit_of_the_file(room, tmp_path):
    """Millimetres, y up: x, y, z of the room are x, -z, y of the file."""
    points, colors = room
    turned = 1000 * points[:, [0, 2, 1]] * [1, 1, -1]
    scene = written((turned.astype(np.float32), colors), tmp_path / "room.npz")
    x, y, z = ON_TOP
    at = words([1000 * x, 1000 * z, -1000 * y])
    item = clicked(scene, tmp_path, "--at", *at, "--up", "y", "--scale", "0.001")
    np.testing.assert_allclose(item["box"]["center"][:2], GREEN.center[:2], atol=0.06)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{tmp}/none.ply", "--at", "0", "0", "0"], "does not exist"),
        (["{tmp}/room.npz"], "--at"),
        (["{tmp}/room.npz", "--at", "0", "0"], "--at"),
        (["{tmp}/room.npz", "--at", "0", "0", "1.5"], "the nearest voxel is"),
        (["{tmp}/room.npz", "--at", "nan", "0", "0"], "NaN"),
        (["{tmp}/room.npz", "--at", "0", "0", "0", "--not", "0", "0", "0"], "same voxel"),
        (["{tmp}/room.npz", "--at", "0", "0", "0", "--model", "magic"], "called 'magic'"),
        (["{tmp}/room.npz", "--at", "0", "0", "0", "--model", "point_sam"], "seg3d download"),
        (["{tmp}/room.npz", "--at", "0", "0", "0", "--name", "\x07"], "name"),
    ],
)
def test_bad_input_is_one_line_and_code_2(room, tmp_path, arguments, sentence, capsys):
    written(room, tmp_path / "room.npz")
    assert main(["click", *(word.format(tmp=tmp_path) for word in arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and sentence in lines[0]
