"""The lassm segmenter: from a released checkpoint to instances that words can name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from support.lassm import tiny_release

from seg3d_ros.masks import Masks
from seg3d_ros.networks.lassm.inputs import prepare_input
from seg3d_ros.networks.lassm.instances import MASK_THRESHOLD
from seg3d_ros.networks.lassm.releases import RELEASES
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.checkpoint_model import segmenter_of_checkpoint
from seg3d_ros.segmenters.masks.overlaps import mask_nms
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import LassmSettings, ModelSettings
from seg3d_ros.segmenters.superpoints import segment_cloud
from seg3d_ros.segmenters.weights import LASSM
from seg3d_ros.sparse.voxel_keys import keys_of_points
from seg3d_ros.text.ensemble import embed_words

EVERYTHING = LassmSettings(
    min_score=0.0, min_mask_points=1, nms_iou=1.0, split_gap=0.0, max_instances=1000
)


@pytest.fixture(scope="module")
def scene(builder):
    built = builder(noise=0.003).rectangle((0, 0, 0), (1.2, 0, 0), (0, 1, 0))
    return built.box((0.4, 0.4, 0.15), (0.3, 0.3, 0.3), 1).build()[0]


@pytest.fixture
def network(monkeypatch):
    """A released model with few channels; its last layers are loud, so that it says something."""
    torch.manual_seed(0)
    built = tiny_release(monkeypatch).build().eval()
    for name, parameter in built.named_parameters():
        if name.endswith((".2.weight", ".5.weight")):
            parameter.data.mul_(4)
        elif name.startswith("decoder") and name.endswith(".bias"):
            parameter.data.zero_()
    return built


@pytest.fixture
def checkpoint(network, tmp_path):
    path = tmp_path / "model_best.pth"
    state = {"module." + name: tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, path)
    return path


def segmenter_of(path, **settings):
    own = dataclasses.replace(EVERYTHING, checkpoint=str(path), device="cpu", **settings)
    return load_segmenter("lassm", ModelSettings(lassm=own))


def last_heads(network, scene):
    superpoints = segment_cloud(scene.points)
    inputs = prepare_input(scene.points, scene.colors, superpoints, network.input_config)
    with torch.inference_mode():
        return network.predict(inputs).stages[-1], superpoints


def test_masks_are_superpoints_of_the_network(checkpoint, network, words, scene):
    found = segmenter_of(checkpoint).segment(scene)
    heads, superpoints = last_heads(network, scene)
    ours = {mask.tobytes() for mask in found.masks.dense()}
    inside = (heads.masks.sigmoid() > MASK_THRESHOLD)[:, superpoints].numpy()
    assert ours and ours <= {mask.tobytes() for mask in inside}
    assert (np.diff(found.scores) <= 0).all() and (found.scores > 0).all()


def test_the_users_threshold_counts(checkpoint, network, words, scene):
    found = segmenter_of(checkpoint, mask_threshold=0.7).segment(scene)
    heads, superpoints = last_heads(network, scene)
    inside = (heads.masks.sigmoid() > 0.7)[:, superpoints].numpy()
    assert {mask.tobytes() for mask in found.masks.dense()} <= {mask.tobytes() for mask in inside}


def test_embeddings_are_means_of_the_class_names(checkpoint, network, words, scene):
    found = segmenter_of(checkpoint).segment(scene)
    heads, superpoints = last_heads(network, scene)
    names = embed_words(words, RELEASES["scannet"].class_names)
    means = heads.labels.softmax(1)[:, :-1].numpy() @ names
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    inside = (heads.masks.sigmoid() > MASK_THRESHOLD)[:, superpoints].numpy()
    for mask, embedding in zip(found.masks.dense(), found.embeddings, strict=True):
        candidates = means[(inside == mask).all(1)]
        assert np.abs(candidates - embedding).max(1).min() < 1e-5


def scene_of(points):
    points = np.asarray(points, np.float32).reshape(-1, 3)
    keys = keys_of_points(points, 0.02)
    _, first = np.unique(keys, return_index=True)
    return Scene(points[first], np.full_like(points[first], 0.5), keys[first], 0.02)


PLANE = np.stack(np.meshgrid(np.arange(60), np.arange(60), [1]), -1).reshape(-1, 3) * 0.02 + 0.01


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 3)),
        [[1, 2, 3]],
        [[1, 2, 3], [1, 2, 3.02], [500, 2, 3]],
        PLANE,
        np.concatenate([PLANE, PLANE + np.array([0, 0, 1])]),
        PLANE + np.array([20_000, 20_000, 30]),
    ],
    ids=["empty", "point", "three points", "plane", "two planes", "far away"],
)
def test_little_or_flat_input_gets_an_answer(checkpoint, words, points):
    scene = scene_of(points)
    found = segmenter_of(checkpoint).segment(scene)
    assert found.masks.dense().shape == (len(found), len(scene))
    assert np.isfinite(found.scores).all()
    assert found.embeddings is None or np.isfinite(found.embeddings).all()


def test_the_plane_above_is_one_superpoint():
    assert (segment_cloud(scene_of(PLANE).points) == 0).all()


def test_blocks_of_a_large_scene_are_put_together(checkpoint, words, scene):
    found = segmenter_of(checkpoint, block_points=len(scene) // 2).segment(scene)
    assert found.masks.dense().shape == (len(found), len(scene)) and len(found)


def test_duplicates_on_superpoints_are_those_on_points():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 50, 30)
    masks = rng.random((40, 30)) < 0.6
    scores = rng.random(40, np.float32)
    of_points = np.repeat(masks, sizes, axis=1)
    for iou in (0.3, 0.5, 0.7):
        ours = mask_nms(Masks.of(masks), scores, iou=iou, weights=sizes)
        assert np.array_equal(ours, mask_nms(Masks.of(of_points), scores, iou=iou))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_runs(checkpoint, words, scene, precision):
    found = segmenter_of(checkpoint, precision=precision).segment(scene)
    assert len(found) and found.embeddings.dtype == np.float32


def test_a_coarse_map_is_warned_of_once(checkpoint, words, caplog):
    segmenter = segmenter_of(checkpoint)
    coarse = dataclasses.replace(scene_of(PLANE), voxel_size=0.05)
    for _ in range(2):
        segmenter.segment(coarse)
    assert caplog.text.count("too coarse for lassm") == 1


def test_the_file_tells_the_model(checkpoint):
    assert segmenter_of_checkpoint(checkpoint) == "lassm"


@pytest.mark.parametrize("variant", ["scannet", "scannet200", "scannetpp"])
def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch, variant):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    command = f"`seg3d download lassm --variant {variant}`"
    with pytest.raises(FileNotFoundError, match=command):
        load_segmenter("lassm", ModelSettings(lassm=LassmSettings(variant=variant)))


def test_masks_are_cut_as_in_the_published_results():
    assert LassmSettings().mask_threshold == MASK_THRESHOLD


def test_every_release_has_its_file():
    assert LASSM.keys() == RELEASES.keys()
    assert len({weights.path for weights in LASSM.values()}) == 3
