"""xmask3d from files: weights, words and the frozen networks; the commands that use it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from support.xmask3d import save_clip, small_branch, small_diffusion, small_network, wall_scene

from seg3d_ros.cli import main
from seg3d_ros.errors import InputError
from seg3d_ros.segmenters.checkpoint_model import segmenter_of_checkpoint
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import ModelSettings, XMask3DSettings
from seg3d_ros.text.class_splits import class_splits
from seg3d_ros.text.settings import TextSettings

CHECKPOINTS = "seg3d_ros.networks.xmask3d.checkpoints"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    save_clip(folder)
    return folder


@pytest.fixture
def small(monkeypatch):
    """The released networks have few channels here."""
    monkeypatch.setattr(f"{CHECKPOINTS}.released_branch", small_branch)
    monkeypatch.setattr(f"{CHECKPOINTS}.released_network", lambda: small_network()[0])


@pytest.fixture
def checkpoint(small, tmp_path):
    path = tmp_path / "b15n4.pth.tar"
    state = small_network()[0].state_dict()
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    return path


def load(folder, vocabulary=(), **settings):
    own = XMask3DSettings(device="cpu", proposals="superpoints", **settings)
    text = TextSettings(weights=str(folder), vocabulary=vocabulary, device="cpu")
    return load_segmenter("xmask3d", ModelSettings(xmask3d=own), text=text)


def test_words_of_the_partition(clip, checkpoint):
    assert segmenter_of_checkpoint(checkpoint) == "xmask3d"
    found = load(clip, checkpoint=str(checkpoint))
    partition = class_splits()["b15n4"]
    assert found.label(wall_scene()).names == partition.base + partition.novel
    assert found._classes.base.tolist() == [True] * 15 + [False] * 4


def test_own_words_are_novel_unless_said_otherwise(clip, checkpoint):
    words = ("chair|seat", "robot", "-wall")
    found = load(clip, words, checkpoint=str(checkpoint))
    assert found.label(wall_scene()).names == ("chair", "robot", "wall")
    assert found._classes.base.tolist() == [True, False, True]
    assert found._classes.synonyms == (2, 1, 1) and len(found._classes.text) == 4
    other = load(clip, ("seat|chair", *words[1:]), checkpoint=str(checkpoint))
    assert other._classes.base.tolist() == [True, False, True]
    told = load(clip, words, checkpoint=str(checkpoint), base_labels=("Robot",))
    assert told._classes.base.tolist() == [False, True, False]


def test_the_full_form_from_files(clip, checkpoint, tmp_path):
    pytest.importorskip("diffusers")
    for name, network in small_diffusion().items():
        network.save_pretrained(tmp_path / "diffusion" / name)
    places = {"diffusion": str(tmp_path / "diffusion"), "clip": str(clip)}
    found = load(clip, checkpoint=str(checkpoint), form="full", **places)
    labels = found.label(wall_scene(views=1)).labels
    assert (labels >= 0).all()
    places["diffusion"] = str(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"elsewhere is missing.*download xmask3d"):
        load(clip, checkpoint=str(checkpoint), form="full", **places)


def test_missing_weights_are_told(tmp_path, monkeypatch, clip):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"b12n7\.pth\.tar is missing.*download xm"):
        load(clip, partition="b12n7")
    with pytest.raises(InputError, match="form is 'clip'"):
        load(clip, form="clip")


def test_segment_labels_the_points_of_a_file(clip, checkpoint, tmp_path, capsys):
    scene = wall_scene()
    cloud = tmp_path / "wall.npz"
    np.savez(cloud, xyz=scene.points, rgb=(255 * scene.colors).astype(np.uint8))
    options = ["--model", "xmask3d", "--checkpoint", str(checkpoint), "--device", "cpu"]
    options += ["--proposals", "superpoints", "--text-weights", str(clip), "--semantic"]
    run = ["segment", str(cloud), "-o", str(tmp_path / "out"), *options]
    assert main([*run, "--labels", "wall", "robot"]) == 0, capsys.readouterr().err
    classes = json.loads((tmp_path / "out/semantic.json").read_text())["classes"]
    assert [item["label"] for item in classes] == ["wall", "robot"]
    assert sum(item["points"] for item in classes) == len(scene)
    header = (tmp_path / "out/semantic.ply").read_bytes().split(b"end_header")[0]
    assert b"class_id" in header and f"element vertex {len(scene)}".encode() in header
    geometric = ["segment", str(cloud), "-o", str(tmp_path / "out"), "--model", "geometric"]
    assert main([*geometric, "--semantic"]) == 2
    assert "geometric labels objects, not points; use xmask3d" in capsys.readouterr().err


def test_download_says_where_the_files_are(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("click.confirm", lambda _: False)
    assert main(["download", "xmask3d"]) == 0
    told = capsys.readouterr().out
    for part in ("github.com/wangzy22/XMask3D", "b170n30.pth.tar", "MIT", "OpenRAIL", "Google"):
        assert part in told, part
    assert str(tmp_path) in told
