"""The mini segmenter with the weights that come with the package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.demo_room import demo_scene
from support.trained_maskformer import write_checkpoint

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import MiniSettings, ModelSettings
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.sparse.voxel_keys import keys_of_points

VOXEL_M = 0.02


@pytest.fixture(scope="module")
def mini():
    return load_segmenter("mini", ModelSettings(mini=MiniSettings(device="cpu")))


@pytest.fixture(scope="module")
def corner():
    """Some square metres of the demo room."""
    room = demo_scene()
    near = (room.points[:, :2] < 2.5).all(axis=1)
    return scene_of(room.points[near], room.colors[near])


@pytest.fixture(scope="module")
def found(mini, corner):
    """Instances of the corner."""
    return mini.segment(corner)


def scene_of(points, colors):
    return Scene(points, colors, keys_of_points(points, VOXEL_M), VOXEL_M)


def test_weights_are_small():
    assert MINI.stat().st_size <= 10_000_000


def test_the_same_scene_elsewhere_gives_the_same_instances(mini, corner, found):
    there = mini.segment(scene_of(corner.points + np.float32([64, -32, 8]), corner.colors))
    assert len(found) > 5
    assert np.array_equal(found.masks.dense(), mini.segment(corner).masks.dense())
    assert len(there) == pytest.approx(len(found), rel=0.2)  # float32 rounds far away


def test_embeddings_are_unit_and_scores_fall(found):
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-4)
    assert (np.diff(found.scores) <= 0).all()
    assert 0 < found.scores[-1] <= found.scores[0] <= 1


def test_blocks_find_what_the_whole_shows(corner, found):
    """Not all of it: what a block cuts off is context that the network misses."""
    models = ModelSettings(mini=MiniSettings(device="cpu", block_points=len(corner) // 2))
    parts = load_segmenter("mini", models).segment(corner)
    both = found.masks.dense().astype(np.float32) @ parts.masks.dense().T.astype(np.float32)
    union = found.masks.dense().sum(1)[:, None] + parts.masks.dense().sum(1) - both
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


def test_more_views_find_much_of_the_same(corner, found):
    models = ModelSettings(mini=MiniSettings(device="cpu", augmented_views=3))
    three = load_segmenter("mini", models).segment(corner)
    assert not np.array_equal(found.scores, three.scores)
    both = found.masks.dense().astype(np.float32) @ three.masks.dense().T.astype(np.float32)
    union = found.masks.dense().sum(1)[:, None] + three.masks.dense().sum(1) - both
    assert ((both / union).max(axis=1) > 0.8).mean() > 0.5


def test_half_precision_finds_much_of_the_same(corner, found):
    models = ModelSettings(mini=MiniSettings(device="cpu", precision="bf16"))
    half = load_segmenter("mini", models).segment(corner)
    assert half.embeddings.dtype == half.scores.dtype == np.float32
    assert not np.array_equal(found.scores, half.scores)
    both = found.masks.dense().astype(np.float32) @ half.masks.dense().T.astype(np.float32)
    union = found.masks.dense().sum(1)[:, None] + half.masks.dense().sum(1) - both
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
