"""`seg3d evaluate` on a small room with the geometric segmenter and on files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from support import toy_room

from seg3d_ros.cli import main
from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.evaluation.predictions import SegmenterSource
from seg3d_ros.evaluation.scenes import load_scene
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.sensing.depth_image import deproject

NAMES = ("floor", "wall", "crate")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One scan of the toy room, labelled by where its points lie."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "val" / "toy"
    folder.mkdir(parents=True)
    points = np.concatenate(
        [
            deproject(toy_room.cast(pose)[0], toy_room.CAMERA, depth_unit=1.0) @ pose[:3, :3].T
            + pose[:3, 3]
            for pose in toy_room.views(6)
        ]
    )
    points = points[np.isfinite(points).all(axis=1)][::3].astype(np.float32)
    instance = np.where(points[:, 2] < 0.01, 0, 1)
    for number, box in enumerate(toy_room.BOXES, 2):
        low, high = np.array(box.low) - 0.01, np.array(box.high) + 0.01
        inside = ((points > low) & (points < high)).all(axis=1) & (points[:, 2] > 0.01)
        instance[inside] = number
    np.save(folder / "coord.npy", points)
    np.save(folder / "color.npy", np.full(points.shape, 128, np.uint8))
    np.save(folder / "segment.npy", np.minimum(instance, 2).astype(np.int32))
    np.save(folder / "instance.npy", instance.astype(np.int32))
    (root / "names.txt").write_text("\n".join(NAMES) + "\n")
    return root


@pytest.fixture(scope="module")
def predictions(root, tmp_path_factory):
    """Masks of the geometric segmenter as files; the largest of them are called crate."""
    found = SegmenterSource(load_segmenter("geometric")).predict(
        load_scene(ScanNetDataset(root, "val"), 0)
    )
    folder = tmp_path_factory.mktemp("saved")
    labels = np.full(len(found), 2)
    np.savez(
        folder / "toy.npz",
        masks=found.instances.masks.dense(),
        scores=found.instances.scores,
        labels=labels,
    )
    return folder


def test_the_same_masks_from_a_model_and_from_files(root, predictions, tmp_path, capsys):
    options = ["--model", "geometric", "--predictions", str(predictions), "--objects-only"]
    assert main(["evaluate", str(root), *options, "-o", str(tmp_path)]) == 0
    table = capsys.readouterr().out
    assert "val: 1 scenes, 3 objects" in table
    assert f"geometric  {predictions.name}".split() == table.splitlines()[1].split()

    model, files = json.loads((tmp_path / "evaluation.json").read_text())["evaluations"]
    assert model["found"] == files["found"]
    assert model["found"]["recall50"] == 1.0
    assert model["found"]["precision"]["ap50"] > 0.5
    assert model["named"] is None
    assert files["named"]["precision"]["all"]["ap50"] > 0.5
    assert files["named"]["harmonic_mean_iou"] is None


def test_the_page_shows_every_picture_it_names(root, predictions, tmp_path):
    options = ["--predictions", str(predictions), "--split", "val"]
    assert main(["evaluate", str(root), *options, "-o", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text()
    (picture,) = tmp_path.glob("*.png")
    assert f'src="{picture.name}"' in page and "<td>crate" in page
    pixels = np.asarray(Image.open(picture)).astype(int)
    left, middle, right = np.split(pixels, 3, axis=1)
    colourful = [
        (np.ptp(panel[60:], axis=2) > 60).mean() for panel in (left, middle, right)
    ]  # below titles
    assert colourful[0] < 0.001 < min(colourful[1:])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "give --model or --predictions"),
        (["--model", "magic"], "no segmenter is called 'magic'"),
        (["--model", "geometric", "--split", "nowhere"], "no scenes in"),
        (["--model", "geometric", "--vocabulary", "household"], "no label for"),
        (["--predictions", "{root}"], "no predictions for toy"),
        (["--model", "mini", "--min-score", "2"], "model.mini.min_score is 2"),
        (["--model", "geometric", "--min-score", "0"], "geometric does not read --min-score"),
    ],
)
def test_bad_input_is_one_line_and_code_2(root, options, sentence, tmp_path, capsys):
    filled = [word.format(root=root) for word in options]
    assert main(["evaluate", str(root), *filled, "-o", str(tmp_path)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "seg3d:" in line]
    assert len(lines) == 1 and sentence in lines[0]


def test_a_folder_without_validation_asks_for_a_split(root, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("chair\n")
    assert main(["evaluate", str(tmp_path), "--model", "geometric"]) == 2
    assert "choose one with --split" in capsys.readouterr().err


@pytest.fixture
def scannet(tmp_path):
    """Six points: wall, sofa, sofa, toilet, other furniture, unlabelled."""
    folder = tmp_path / "data" / "val" / "toy"
    folder.mkdir(parents=True)
    np.save(folder / "coord.npy", np.eye(6, 3, dtype=np.float32))
    np.save(folder / "segment20.npy", np.array([0, 5, 5, 16, 19, -1]))
    (tmp_path / "labels").mkdir()
    return tmp_path


def _semantic(scannet, *options):
    command = ["evaluate", str(scannet / "data"), "--semantic", "--split", "b15n4", *options]
    labels = ["--predictions", str(scannet / "labels"), "-o", str(scannet / "out")]
    return main([*command, *labels])


@pytest.mark.parametrize("form", ["npy", "txt", "npz"])
def test_point_labels_of_base_and_novel_classes(scannet, form, capsys):
    path = scannet / "labels" / f"toy.{form}"
    if form == "npy":
        np.save(path, [0, 5, 0, 19, 0, 0])  # other furniture is no answer for a toilet
    elif form == "txt":
        path.write_text("1\n6\n1\n39\n1\n1\n")  # the same in label ids
    else:
        masks = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0]], np.bool_)
        np.savez(path, masks=masks, scores=[0.1, 0.9], labels=[0, 5])
    assert _semantic(scannet) == 0
    assert "val: 1 scenes, 19 classes" in capsys.readouterr().out
    (item,) = json.loads((scannet / "out" / "semantic.json").read_text())["evaluations"]
    scores = item["scores"]
    # wall: 1 of 2; sofa: 1 of 2; toilet: 0 of 1; the others are absent, which counts as 0
    assert scores["mean_iou"] == pytest.approx({"base": 0.5 / 15, "novel": 0.5 / 4})
    base, novel = 0.5 / 15, 0.5 / 4
    assert scores["harmonic_mean_iou"] == pytest.approx(2 * base * novel / (base + novel))
    assert scores["accuracy"] == pytest.approx({"base": 1.0, "novel": 1 / 3})


def test_all_classes_are_scored_without_a_partition(root, predictions, tmp_path):
    options = ["--semantic", "--predictions", str(predictions), "-o", str(tmp_path)]
    assert main(["evaluate", str(root), *options]) == 0
    (item,) = json.loads((tmp_path / "semantic.json").read_text())["evaluations"]
    assert [row["name"] for row in item["scores"]["classes"]] == list(NAMES)
    assert item["scores"]["harmonic_mean_iou"] is None
    assert item["scores"]["mean_iou"]["all"] > 0.02


def test_labels_of_other_points_and_two_partitions_are_refused(scannet, capsys):
    np.save(scannet / "labels" / "toy.npy", [0, 5])
    assert _semantic(scannet) == 2
    assert "labels of shape (2,) for 6 points" in capsys.readouterr().err
    (scannet / "labels" / "toy.npy").write_text("x")
    assert _semantic(scannet) == 2
    assert "toy.npy holds no labels of points" in capsys.readouterr().err
    assert _semantic(scannet, "--split", "b12n7") == 2
    assert "give one of --split b15n4, b12n7" in capsys.readouterr().err
    assert _semantic(scannet, "--prompts") == 2


def test_lassm_as_published(scannet, monkeypatch, capsys):
    """A whole run, with weights that say nothing."""
    import torch
    from support.lassm import tiny_release

    path = scannet / "model_best.pth"
    torch.save({"state_dict": tiny_release(monkeypatch).build().state_dict()}, path)
    np.save(scannet / "data" / "val" / "toy" / "superpoint.npy", np.arange(6) // 2)
    run = ["evaluate", str(scannet / "data"), "--as-published", "-o", str(scannet / "out")]
    lassm = ["--model", "lassm", "--checkpoint", str(path), "--device", "cpu"]
    assert main([*run, *lassm, "--label-set", "scannet20"]) == 0
    (item,) = json.loads((scannet / "out" / "evaluation.json").read_text())["evaluations"]
    assert item["model"] == "lassm" and item["named"] is not None
    capsys.readouterr()
    assert main([*run, "--model", "geometric"]) == 2
    assert "--as-published is for --model lassm alone" in capsys.readouterr().err
