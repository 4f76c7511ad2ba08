from __future__ import annotations

import dataclasses
import logging
import os

import numpy as np
import pytest
import torch
from support.small_spaceformer import CONFIG, small_network, write_checkpoint

from seg3d_ros.compute import Compute
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.spaceformer.network import Spaceformer
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters import spaceformer_engine
from seg3d_ros.segmenters.masks.postprocess import Queries
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import ModelSettings, SpaceformerSettings
from seg3d_ros.segmenters.spaceformer import SpaceformerSegmenter
from seg3d_ros.segmenters.spaceformer_engine import TorchEngine, load_engine
from seg3d_ros.text.encoder import ENCODERS

LENIENT = SpaceformerSettings(min_score=0.05)


@pytest.fixture(scope="module")
def scene(builder):
    built = builder().rectangle((0, 0, 0), (1.2, 0, 0), (0, 1, 0))
    return built.box((0.4, 0.4, 0.15), (0.3, 0.3, 0.3), 1).build()[0]


def segmenter(*, device=None, precision="fp32", seed=3, **settings):
    device = device or torch.device("cpu")
    engine = TorchEngine(small_network(seed=seed), Compute(device, precision))
    return SpaceformerSegmenter(engine, dataclasses.replace(LENIENT, **settings))


def test_instances_cover_the_scene_with_unit_embeddings(scene, device):
    found = segmenter(device=device).segment(scene)
    assert len(found) >= 3
    assert found.masks.dense().shape == (len(found), len(scene))
    assert (found.masks.dense().sum(axis=1) >= LENIENT.min_mask_points).all()
    assert found.scores.dtype == np.float32 and (np.diff(found.scores) <= 0).all()
    assert found.embeddings.shape == (len(found), 1152)
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)


def test_embeddings_live_in_the_space_of_a_known_encoder():
    assert SpaceformerSegmenter.embedding_space in ENCODERS


def test_the_same_scene_gives_the_same_instances(scene):
    system = segmenter()
    first = system.segment(scene)
    torch.manual_seed(77)
    again = system.segment(scene)
    np.testing.assert_array_equal(first.masks.dense(), again.masks.dense())
    np.testing.assert_array_equal(first.embeddings, again.embeddings)


def test_the_seed_draws_only_curves_that_are_the_same_everywhere():
    with torch.device("meta"):
        backbone = Spaceformer().backbone.inner_module
    generator = torch.Generator().manual_seed(spaceformer_engine.ORDER_SEED)
    orders = backbone.draw_orders(generator)
    assert len(orders) == 22 and len(set(orders)) > 5
    assert "random" not in orders


def reordered(scene, order):
    return Scene(
        scene.points[order], scene.colors[order], scene.element_ids[order], scene.voxel_size
    )


def test_permuted_points_give_permuted_masks(scene):
    order = np.random.default_rng(5).permutation(len(scene))
    system = segmenter()
    plain, permuted = system.segment(scene), system.segment(reordered(scene, order))
    np.testing.assert_array_equal(permuted.masks.dense(), plain.masks.dense()[:, order])
    np.testing.assert_allclose(permuted.scores, plain.scores, atol=1e-5)


def test_whole_metres_do_not_matter(scene):
    """Maps grow far from their origin; float32 must not take the millimetres there."""
    moved = dataclasses.replace(scene, points=scene.points + np.float32([2000, -3000, 0]))
    # The points themselves are rounded to 1/4096 m there, so a few change their voxel.
    here, there = segmenter().segment(scene), segmenter().segment(moved)
    assert len(here) == len(there)
    assert (here.masks.dense() != there.masks.dense()).mean() < 0.05


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_gives_nearly_the_same(scene, precision, overlap):
    exact, half = segmenter().segment(scene), segmenter(precision=precision).segment(scene)
    assert min(overlap(half.masks.dense(), mask) for mask in exact.masks.dense()) > 0.8
    assert half.embeddings.dtype == np.float32


def test_finer_voxels_are_averaged_and_coarser_ones_warned_of(builder, caplog):
    for voxel_size, expected in ((0.01, False), (0.05, True)):
        built = builder(voxel_size=voxel_size).rectangle((0, 0, 0), (1, 0, 0), (0, 1, 0))
        scene, _ = built.build()
        with caplog.at_level(logging.WARNING):
            found = segmenter().segment(scene)
        assert found.masks.width == len(scene)
        assert ("too coarse" in caplog.text) is expected


def test_an_empty_scene_has_no_instances():
    nothing = np.zeros((0, 3), np.float32)
    found = segmenter().segment(Scene(nothing, nothing, np.zeros(0, np.int64), 0.02))
    assert found.masks.dense().shape == (0, 0)


def test_one_point_is_a_scene():
    point = np.zeros((1, 3), np.float32)
    assert (
        segmenter()
        .segment(Scene(point, point, np.zeros(1, np.int64), 0.02))
        .masks.dense()
        .shape[1]
        == 1
    )


class Scripted:
    """An engine whose only query is what lies in x < 0.5 m, and that has little memory."""

    name = "scripted"
    compute = Compute(torch.device("cpu"))

    def __init__(self, *, memory=10**9, error="[enforce] can't allocate memory: buy more"):
        self.memory, self.error = memory, error
        self.sizes = []

    def __call__(self, points, colors):
        self.sizes.append(len(points))
        if len(points) > self.memory:
            raise RuntimeError(self.error)
        assert float(colors.min()) >= -1 and float(colors.max()) <= 1
        mask = torch.where(points[:, :1] < 0.5, 9.0, -9.0)
        return Queries(torch.tensor([[9.0, 0.0]]), mask, torch.tensor([[0.0, 3.0]]))


def test_out_of_memory_means_smaller_blocks(scene, caplog):
    engine = Scripted(memory=2500)
    system = SpaceformerSegmenter(engine, SpaceformerSettings())
    with caplog.at_level(logging.WARNING):
        found = system.segment(scene)
    assert f"no memory for {len(scene)} points" in caplog.text
    np.testing.assert_array_equal(found.masks.dense()[0], scene.points[:, 0] < 0.5)
    np.testing.assert_allclose(found.embeddings[0], [0, 1])
    engine.sizes.clear()
    system.segment(scene)
    assert max(engine.sizes) <= 2500  # it has learned


def test_other_errors_are_not_taken_for_lack_of_memory(scene):
    with pytest.raises(RuntimeError, match="something else"):
        broken = Scripted(memory=10, error="something else")
        SpaceformerSegmenter(broken, SpaceformerSettings()).segment(scene)


def test_the_point_limit_is_kept(scene):
    engine = Scripted()
    settings = SpaceformerSettings(block_points=3000)
    found = SpaceformerSegmenter(engine, settings).segment(scene)
    assert len(engine.sizes) > 1 and max(engine.sizes) <= 3000
    assert found.masks.dense().shape == (1, len(scene))


def test_augmented_views_add_what_others_miss(scene):
    """Turned by half a turn, another part of the scene lies below x = 0.5."""
    settings = SpaceformerSettings(augmented_views=4)
    found = SpaceformerSegmenter(Scripted(), settings).segment(scene)
    assert len(found) > 1
    assert any((mask == (scene.points[:, 0] < 0.5)).all() for mask in found.masks.dense())


def test_overflow_in_half_precision_falls_back(scene, caplog):
    network = small_network()
    with torch.no_grad():
        network.class_head.bias[0] = 1e5  # beyond fp16
    engine = TorchEngine(network, Compute(torch.device("cpu"), "fp16"))
    with caplog.at_level(logging.WARNING):
        found = SpaceformerSegmenter(engine, LENIENT).segment(scene)
    assert len(found) and "fp16 overflows in spaceformer" in caplog.text


@pytest.fixture
def small_release(monkeypatch):
    """Makes the small network the released one."""
    load = spaceformer_engine.load_spaceformer
    monkeypatch.setattr(
        spaceformer_engine, "load_spaceformer", lambda path: load(path, config=CONFIG)
    )


def test_a_checkpoint_gives_the_segmenter_it_was_written_from(scene, tmp_path, small_release):
    path = write_checkpoint(tmp_path / "it.ckpt", small_network())
    own = dataclasses.replace(LENIENT, checkpoint=str(path), device="cpu")
    loaded = load_segmenter("spaceformer", ModelSettings(spaceformer=own))
    assert (loaded.name, loaded.device) == ("spaceformer", "cpu")
    one, other = loaded.segment(scene), segmenter().segment(scene)
    np.testing.assert_array_equal(one.masks.dense(), other.masks.dense())
    np.testing.assert_array_equal(one.scores, other.scores)


class Bomb:
    """Runs a command where pickles are trusted."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_checkpoint_cannot_run_code(tmp_path):
    torch.save({"state_dict": {"net.x": Bomb(tmp_path / "harm")}}, tmp_path / "bad.ckpt")
    with pytest.raises(CheckpointError, match=r"bad\.ckpt"):
        load_engine(tmp_path / "bad.ckpt", SpaceformerSettings(device="cpu"))
    assert not (tmp_path / "harm").exists()


def without(network, name):
    state = {key: value for key, value in network.state_dict().items() if key != name}
    holder = torch.nn.Module()
    holder.state_dict = lambda: state
    return holder


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (lambda: without(small_network(), "clip_head.bias"), "missing: clip_head.bias"),
        (lambda: Spaceformer(dataclasses.replace(CONFIG, num_queries=9)), "another shape"),
        (lambda: Spaceformer(dataclasses.replace(CONFIG, use_iou_head=True)), "iou_head"),
    ],
)
def test_a_checkpoint_of_something_else_says_what_is_wrong(
    tmp_path, small_release, network, complaint
):
    path = write_checkpoint(tmp_path / "it.ckpt", network())
    with pytest.raises(CheckpointError, match=complaint):
        load_engine(path, SpaceformerSettings(device="cpu"))


def test_missing_weights_say_how_to_get_them_and_under_which_licence(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"seg3d download spaceformer.*CC-BY-NC-4\.0"):
        load_segmenter("spaceformer")
    elsewhere = SpaceformerSettings("/no/such.ckpt")
    with pytest.raises(FileNotFoundError, match=r"/no/such\.ckpt"):
        load_segmenter("spaceformer", ModelSettings(spaceformer=elsewhere))


def test_warpconvnet_without_a_gpu_is_refused(tmp_path):
    settings = SpaceformerSettings(engine="warpconvnet", device="cpu")
    with pytest.raises(ValueError, match=r"needs a CUDA device \(this is cpu\).*use engine torch"):
        load_engine(tmp_path / "it.ckpt", settings)
