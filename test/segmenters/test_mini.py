"""The mini segmenter with the weights that come with the package."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from support.trained_maskformer import write_checkpoint

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import MiniSettings, ModelSettings
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.sparse.voxel_keys import keys_of_points
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

DEMO_ROOM = Path(__file__).parents[2] / "data" / "demo_room"
VOXEL_M = 0.02


@pytest.fixture(scope="module")
def mini():
    return load_segmenter("mini", ModelSettings(mini=MiniSettings(device="cpu")))


@pytest.fixture(scope="module")
def room():
    """Map of the bundled recording, made with the node's default settings."""
    engine = Engine(PerceptionSettings.of({"model.mini.device": "cpu"}))
    engine.set_vocabulary(load_vocabulary_file("household"))
    return replay(open_recording(DEMO_ROOM), engine, segment_period=3600.0)


@pytest.fixture(scope="module")
def corner(room):
    """Some square metres of the room, moved to the origin."""
    near = (room.scene.points[:, :2] < 2.5).all(axis=1)
    return scene_of(room.scene.points[near], room.scene.colors[near])


def scene_of(points, colors):
    return Scene(points, colors, keys_of_points(points, VOXEL_M), VOXEL_M)


def test_weights_are_small():
    assert MINI.stat().st_size <= 10_000_000


def test_what_a_person_would_name_is_found_and_named(room):
    """Not all of it: the limits of the model are in its card, seg3d_ros/weights/mini.md."""
    truth = json.loads((DEMO_ROOM / "objects.json").read_text())["objects"]
    found = {item["name"] for item in truth if any(names(item, made) for made in room.objects)}
    counts = Counter(item.label for item in room.objects)
    assert {"chair", "sofa", "tv", "ball"} <= found, counts
    assert counts["chair"] >= 4


def test_the_floor_is_one_object_called_floor_and_the_rug_another(room):
    floors = [item for item in room.objects if item.label == "floor"]
    rugs = [item for item in room.objects if item.label in ("carpet", "rug")]
    assert (len(floors), len(rugs)) == (1, 1)
    assert np.allclose(rugs[0].box.size[:2], (1.35, 1.05), atol=0.15)
    lowest = room.scene.element_ids[room.scene.points[:, 2] < 0.03]
    known = np.concatenate([floors[0].element_ids, rugs[0].element_ids])
    assert np.isin(lowest, known).mean() > 0.97


def names(item, made):
    """Whether an object is called what a true one is called, and is where that is."""
    off = np.abs(np.array(item["center"]) - made.box.center)
    return made.label == item["name"] and (off < np.array(item["size"]).max() / 2).all()


def test_the_same_scene_elsewhere_gives_the_same_instances(mini, corner):
    here = mini.segment(corner)
    there = mini.segment(scene_of(corner.points + np.float32([64, -32, 8]), corner.colors))
    assert len(here) > 5
    assert np.array_equal(here.masks.dense(), mini.segment(corner).masks.dense())
    assert len(there) == pytest.approx(len(here), rel=0.2)  # float32 rounds far away


def test_embeddings_are_unit_and_scores_fall(mini, corner):
    found = mini.segment(corner)
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-4)
    assert (np.diff(found.scores) <= 0).all()
    assert 0 < found.scores[-1] <= found.scores[0] <= 1


def test_blocks_find_what_the_whole_shows(corner, mini):
    """Not all of it: what a block cuts off is context that the network misses."""
    models = ModelSettings(mini=MiniSettings(device="cpu", block_points=len(corner) // 2))
    whole, parts = mini.segment(corner), load_segmenter("mini", models).segment(corner)
    both = whole.masks.dense().astype(np.float32) @ parts.masks.dense().T.astype(np.float32)
    union = whole.masks.dense().sum(1)[:, None] + parts.masks.dense().sum(1) - both
    assert ((both / union).max(axis=1) > 0.9).sum() >= 2


def test_a_full_gpu_gets_smaller_blocks(builder, caplog, monkeypatch):
    scene, _ = builder().rectangle((0, 0, 0), (1.2, 0, 0), (0, 1, 0)).build()
    segmenter = load_segmenter("mini", ModelSettings(mini=MiniSettings(device="cpu")))
    voxelize = segmenter._model.voxelize

    def limited(points, colors):
        if len(points) > 2500:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return voxelize(points, colors)

    monkeypatch.setattr(segmenter._model, "voxelize", limited)
    assert segmenter.segment(scene).masks.width == len(scene)
    assert "no memory for" in caplog.text


def test_more_views_find_much_of_the_same(mini, corner):
    models = ModelSettings(mini=MiniSettings(device="cpu", augmented_views=3))
    one, three = mini.segment(corner), load_segmenter("mini", models).segment(corner)
    assert not np.array_equal(one.scores, three.scores)
    both = one.masks.dense().astype(np.float32) @ three.masks.dense().T.astype(np.float32)
    union = one.masks.dense().sum(1)[:, None] + three.masks.dense().sum(1) - both
    assert ((both / union).max(axis=1) > 0.8).mean() > 0.5


def test_half_precision_finds_much_of_the_same(mini, corner):
    models = ModelSettings(mini=MiniSettings(device="cpu", precision="bf16"))
    full, half = mini.segment(corner), load_segmenter("mini", models).segment(corner)
    assert half.embeddings.dtype == half.scores.dtype == np.float32
    assert not np.array_equal(full.scores, half.scores)
    both = full.masks.dense().astype(np.float32) @ half.masks.dense().T.astype(np.float32)
    union = full.masks.dense().sum(1)[:, None] + half.masks.dense().sum(1) - both
    assert ((both / union).max(axis=1) > 0.8).mean() > 0.5


def test_an_empty_scene_has_no_instances(mini):
    assert (
        len(mini.segment(scene_of(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))))
        == 0
    )


def test_the_checkpoint_of_another_network_is_refused(tmp_path):
    path, _ = write_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="holds a MaskFormer, not a Mini"):
        load_segmenter("mini", ModelSettings(mini=MiniSettings(str(path))))
