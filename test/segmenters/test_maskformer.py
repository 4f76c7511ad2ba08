"""The maskformer segmenter: from the user's checkpoint to instances that words can name."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.trained_maskformer import CLASS_NAMES, write_checkpoint

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.minkunet import MinkUNet18
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters import closed_set
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import MaskFormerSettings, ModelSettings
from seg3d_ros.text.encoder import ENCODERS
from seg3d_ros.text.ensemble import embed_words
from seg3d_ros.text.vocabulary import Vocabulary

EVERYTHING = MaskFormerSettings(
    min_score=0.0, min_mask_points=1, nms_iou=1.0, split_gap=0.0, max_instances=1000
)


@pytest.fixture(scope="module")
def scene(builder):
    built = builder().rectangle((0, 0, 0), (1.2, 0, 0), (0, 1, 0))
    return built.box((0.4, 0.4, 0.15), (0.3, 0.3, 0.3), 1).build()[0]


def segmenter_of(path, **settings):
    own = replace(EVERYTHING, checkpoint=str(path), device="cpu", **settings)
    return load_segmenter("maskformer", ModelSettings(maskformer=own))


def test_masks_are_those_of_the_network(tmp_path, words, scene):
    path, network = write_checkpoint(tmp_path)
    found = segmenter_of(path).segment(scene)
    with torch.inference_mode():
        cloud = torch.from_numpy(scene.points - np.floor(scene.points.min(axis=0)))
        masks = network.predict(cloud, torch.from_numpy(scene.colors)).masks[0] > 0
    assert masks.any()
    assert sorted(mask.tobytes() for mask in found.masks.dense()) == sorted(
        mask.tobytes() for mask in masks.numpy() if mask.any()
    )
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize(
    ("bias", "label", "probability"),
    [
        ([-30.0, 30.0, -30.0, -30.0], "table", 1.0),
        ([-30.0, -30.0, math.log(3), 0.0], "lamp", 0.75),
    ],
)
def test_embeddings_are_the_class_and_scores_its_probability(
    tmp_path, words, scene, bias, label, probability
):
    _, network = write_checkpoint(tmp_path)
    weights = network.state_dict()
    weights["class_head.weight"] = torch.zeros(4, 16)
    weights["class_head.bias"] = torch.tensor(bias)
    path, _ = write_checkpoint(tmp_path, state_dict=weights)
    found = segmenter_of(path).segment(scene)
    assert len(found)
    vocabulary = Vocabulary([*CLASS_NAMES, "piano"], encoder=words)
    assert {names[0].label for names in vocabulary.classify(found.embeddings)} == {label}
    # The score is also the mean probability of the mask, which lies between 1/2 and 1.
    assert (found.scores <= probability + 1e-5).all()
    assert (found.scores >= probability / 2).all()


def test_embeddings_of_a_doubtful_query_lie_between_its_classes(tmp_path, words, scene):
    _, network = write_checkpoint(tmp_path)
    weights = network.state_dict()
    weights["class_head.weight"] = torch.zeros(4, 16)
    weights["class_head.bias"] = torch.tensor([math.log(2), 0.0, -30.0, 0.0])
    path, _ = write_checkpoint(tmp_path, state_dict=weights)
    chair, table, _ = embed_words(words, CLASS_NAMES)
    expected = (2 * chair + table) / np.linalg.norm(2 * chair + table)
    for embedding in segmenter_of(path).segment(scene).embeddings:
        np.testing.assert_allclose(embedding, expected, atol=1e-5)


def test_blocks_of_a_large_scene_are_put_together(tmp_path, words, scene):
    path, _ = write_checkpoint(tmp_path)
    found = segmenter_of(path, block_points=len(scene) // 2).segment(scene)
    assert found.masks.dense().shape == (len(found), len(scene))


def short_of_memory(network, *, limit):
    """Make a function of points run out of a GPU's memory where there are too many."""

    def limited(points, *args, **kwargs):
        if len(points) > limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return network(points, *args, **kwargs)

    return limited


def test_a_full_gpu_gets_smaller_blocks(tmp_path, words, scene, caplog):
    path, _ = write_checkpoint(tmp_path)
    segmenter = segmenter_of(path)
    model = segmenter._model
    model.predict = short_of_memory(model.predict, limit=2500)
    found = segmenter.segment(scene)
    assert found.masks.dense().shape == (len(found), len(scene)) and len(found)
    assert "no memory for" in caplog.text


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_gives_nearly_the_same(tmp_path, words, scene, precision, overlap):
    path, _ = write_checkpoint(tmp_path)
    exact, half = (segmenter_of(path, precision=p).segment(scene) for p in ("fp32", precision))
    assert not np.array_equal(exact.scores, half.scores)
    assert np.median([overlap(half.masks.dense(), mask) for mask in exact.masks.dense()]) > 0.9
    assert half.embeddings.dtype == np.float32


def test_an_empty_scene_has_no_instances(tmp_path, words):
    path, _ = write_checkpoint(tmp_path)
    nothing = np.zeros((0, 3), np.float32)
    empty = Scene(nothing, nothing, np.zeros(0, np.int64), 0.02)
    assert segmenter_of(path).segment(empty).masks.dense().shape == (0, 0)


def test_the_checkpoint_has_to_be_given():
    with pytest.raises(ValueError, match="no weights of its own: train it with `seg3d train`"):
        load_segmenter("maskformer")


def test_other_networks_are_refused(tmp_path):
    unet = {
        "_target_": "seg3d_ros.networks.minkunet.MinkUNet18",
        "in_channels": 3,
        "out_channels": 4,
    }
    weights = MinkUNet18(3, 4).state_dict()
    path, _ = write_checkpoint(tmp_path, model=unet, state_dict=weights)
    with pytest.raises(CheckpointError, match="holds a MinkUNet18, not a MaskFormer"):
        segmenter_of(path)


def test_embeddings_live_in_the_space_of_a_known_encoder():
    assert closed_set.EMBEDDING_SPACE in ENCODERS
