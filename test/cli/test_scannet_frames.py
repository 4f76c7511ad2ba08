"""ScanNet as downloaded, with its frames, prepared, then seen by xmask3d and its training."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from support import toy_room
from support.toy_scannet import write_scanned_rooms
from support.xmask3d import save_clip, small_branch, small_network

from seg3d_ros.cli import main
from seg3d_ros.networks.xmask3d import view_input
from seg3d_ros.segmenters.xmask3d.segmenter import XMask3DSegmenter
from seg3d_ros.text.class_splits import class_splits

SCAN = "scene0011_00"  # to validate with


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_scanned_rooms(tmp_path_factory.mktemp("scannet") / "raw")


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    """With all frames beside the points."""
    output = tmp_path_factory.mktemp("prepared")
    run = ["preprocess", "scannet", str(raw), "-o", str(output), "--frames", "1"]
    assert main([*run, "--workers", "1"]) == 0
    return output


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Options of a small model."""
    pytest.importorskip("diffusers")
    folder = tmp_path_factory.mktemp("model")
    torch.save({"state_dict": small_network()[0].state_dict()}, folder / "b15n4.pth.tar")
    save_clip(folder)
    return [
        "--model", "xmask3d", "--checkpoint", str(folder / "b15n4.pth.tar"), "--device", "cpu",
        "--proposals", "superpoints", "--text-weights", str(folder),
    ]  # fmt: skip


def views_seen(dataset, model, output):
    """Views that the model is shown in an evaluation of 19 classes."""
    split = ["--split", "b15n4", "--split", "val", "--label-set", "scannet20"]
    run = ["evaluate", str(dataset), "--semantic", *split, *model, "-o", str(output)]
    views, usual = [], XMask3DSegmenter.label

    def label(self, scene):
        views[:] = scene.views  # asked again until all were looked at
        return usual(self, scene)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seg3d_ros.networks.xmask3d.checkpoints.released_branch", small_branch)
        patch.setattr(XMask3DSegmenter, "label", label)
        assert main(run) == 0
    (found,) = json.loads((output / "semantic.json").read_text())["evaluations"]
    points = {item["name"]: item["points"] for item in found["scores"]["classes"]}
    assert len(points) == 19 and points["wall"] > 1000 and points["toilet"] == 0
    return views


def without_frames(prepared, folder):
    """Copy with the points alone."""
    kept = shutil.ignore_patterns("color", "depth", "pose", "intrinsic")
    return shutil.copytree(prepared, folder, ignore=kept)


@pytest.fixture(scope="module")
def views_beside(prepared, model, tmp_path_factory):
    """Views of frames that lie beside the points."""
    return views_seen(prepared, model, tmp_path_factory.mktemp("beside"))


def test_frames_beside_the_points_are_seen(views_beside):
    assert len(views_beside) == 3
    for view, pose in zip(views_beside, toy_room.views(3), strict=True):
        depth, color = toy_room.cast(pose)
        np.testing.assert_allclose(view.map_from_camera, pose, atol=1e-4)
        assert np.abs(view.color.astype(int) - color).mean() < 5
        known = np.isfinite(view.depth) & np.isfinite(depth)
        assert known.mean() > 0.5 and np.abs(view.depth - depth)[known].max() < 0.01


@pytest.mark.parametrize("layout", ["exported", "by split", "sens", "sens beside the points"])
def test_the_frames_of_scannet_may_lie_elsewhere(
    layout, raw, prepared, model, views_beside, tmp_path
):
    """As SensReader unpacks them, or packed; the same comes of it."""
    root = without_frames(prepared, tmp_path / "dataset")
    scene, recordings = root / "val" / SCAN, root / "recordings"
    packed = raw / "scans" / SCAN / f"{SCAN}.sens"
    recordings.mkdir()
    if layout.startswith("sens"):
        shutil.copy(packed, scene if layout.endswith("points") else recordings)
    else:
        target = recordings / "val" / SCAN if layout == "by split" else recordings / SCAN
        for part in ("color", "depth", "pose", "intrinsic"):
            shutil.copytree(prepared / "val" / SCAN / part, target / part)
    elsewhere = views_seen(root, model, tmp_path / "output")
    for one, other in zip(views_beside, elsewhere, strict=True):
        np.testing.assert_allclose(one.map_from_camera, other.map_from_camera, atol=1e-5)
        np.testing.assert_array_equal(one.depth, other.depth)
        np.testing.assert_array_equal(one.color, other.color)


def test_training_sees_them(prepared, tmp_path, monkeypatch):
    pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")
    monkeypatch.setattr(view_input, "IMAGE_EDGE", 128)
    options = [
        f"paths.data_dir={prepared}", f"paths.output_dir={tmp_path}", "train.max_steps=1",
        "model._target_=support.toy_views.small_training", "train.num_workers=0", "device=cpu",
        "train.precision=32", "data.val_split=null",
    ]  # fmt: skip
    assert main(["train", "--config-name", "xmask3d", *options]) == 0
    trained = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in trained["state_dict"].values())


def test_labels_are_those_of_the_benchmark(prepared):
    labels = np.load(prepared / "val" / SCAN / "segment20.npy")
    assert set(labels) == {0, 1, 2, 5, 12}  # wall, floor, cabinet, sofa, desk
    assert {"sofa", "desk"} <= set(class_splits()["b15n4"].novel)
