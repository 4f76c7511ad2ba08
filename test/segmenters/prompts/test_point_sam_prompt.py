from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.point_sam import SMALL, small_network, write_weights

from seg3d_ros.compute import Compute
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.point_sam.config import MINI
from seg3d_ros.networks.point_sam.network import READINGS, Clicks, PointSam
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.masks.blocks import BlockTooLargeError
from seg3d_ros.segmenters.prompts.clicked_segments import segments_at, segments_of
from seg3d_ros.segmenters.prompts.point_sam import PointSamPrompt, load_point_sam_prompt
from seg3d_ros.segmenters.prompts.prompt_network import PromptNetwork, _thinned
from seg3d_ros.segmenters.registry import load_prompt_segmenter
from seg3d_ros.segmenters.segmenter import NothingThereError
from seg3d_ros.segmenters.settings import ModelSettings, PointSamSettings


def scene_of(count, *, size=0.2, seed=0, shift=(0, 0, 0)):
    rng = np.random.default_rng(seed)
    points = (rng.random((count, 3)) * size + shift).astype(np.float32)
    colors = rng.random((count, 3)).astype(np.float32)
    return Scene(points, colors, np.arange(count), 0.02)


class Counted(PointSamPrompt):
    """Also counts what runs."""

    def __init__(self, device="cpu"):
        network = small_network()
        self.ran = []
        network.pc_encoder.register_forward_hook(lambda *_: self.ran.append("encoder"))
        network.mask_decoder.register_forward_hook(lambda *_: self.ran.append("decoder"))
        self.network = network
        super().__init__("point_sam", PromptNetwork(network, Compute(torch.device(device))))


def click(prompt, scene, *rows, off=()):
    points = scene.points[[*rows, *off]]
    return prompt.segment_at(scene, points, np.array([True] * len(rows) + [False] * len(off)))


@torch.inference_mode()
def test_the_first_click_gives_the_best_reading_of_the_network_or_a_segment(device):
    prompt, scene = Counted(device), scene_of(500)
    found = click(prompt, scene, 7)
    points = scene.points - scene.points.mean(axis=0)
    points /= np.linalg.norm(points, axis=1).max()
    cloud = torch.from_numpy(points)[None].to(device)
    colors = torch.from_numpy(scene.colors * 2 - 1)[None].to(device)
    clouds = prompt.network.encode(cloud, colors)
    clicks = Clicks(cloud[:, 7:8], torch.ones(1, 1, dtype=torch.int64, device=device))
    direct = prompt.network.predict(clouds, clicks, candidates=READINGS)
    best = int(direct.predicted_iou[0].argmax())
    probability = direct.logits[0, best].sigmoid().cpu().numpy()
    segments = segments_at(
        segments_of(scene, np.arange(500)), np.array([7]), np.empty(0, np.int64)
    )
    candidates = [probability > 0.5, probability > 0.8, *segments]
    # The clicked voxel, and a probability that rounds to the other side.
    assert min(np.count_nonzero(found.mask != mask) for mask in candidates) <= 2
    wanted = direct.predicted_iou[0, best].clamp(0, 1)
    assert found.predicted_iou == pytest.approx(float(wanted), abs=1e-4)


def test_further_clicks_run_the_decoder_only():
    prompt, scene = Counted(), scene_of(500)
    one = click(prompt, scene, 7)
    assert prompt.ran == ["encoder", "decoder"]
    two = click(prompt, scene, 7, off=(100,))
    assert prompt.ran == ["encoder", "decoder", "decoder"]
    assert not two.mask[100] and two.mask[7]
    assert click(prompt, scene, 7).mask is one.mask  # taken back
    assert len(prompt.ran) == 3
    click(prompt, scene, 8)
    assert prompt.ran[3:] == ["encoder", "decoder"]
    click(prompt, scene_of(500, seed=1), 8)
    assert prompt.ran[5:] == ["encoder", "decoder"]


def test_two_clicks_at_once_are_the_same_as_one_after_the_other():
    scene = scene_of(500)
    at_once = click(Counted(), scene, 7, 9)
    prompt = Counted()
    click(prompt, scene, 7)
    np.testing.assert_array_equal(click(prompt, scene, 7, 9).mask, at_once.mask)


def test_more_voxels_than_the_network_is_made_for_are_answered_too():
    prompt, scene = Counted(), scene_of(2000)
    prompt.network.config = replace(SMALL, most_points=300)
    mask = click(prompt, scene, 1234).mask
    assert mask.shape == (2000,) and mask[1234]
    crop = prompt._crops.around(1234, 0)
    assert len(crop.points) == 300 and len(crop.rows) == 2000


def test_a_full_gpu_gets_fewer_points(monkeypatch, caplog):
    prompt, scene = Counted(), scene_of(9000)
    encode = prompt.network.encode

    def limited(points, colors):
        if points.shape[1] > 5000:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")
        return encode(points, colors)

    monkeypatch.setattr(prompt.network, "encode", limited)
    found = click(prompt, scene, 1234)
    assert found.mask.shape == (9000,) and found.mask[1234]
    assert "no memory for 9000 points; going on with 4500" in caplog.text


def test_no_memory_at_all_is_said(monkeypatch):
    prompt, scene = Counted(), scene_of(3000)

    def full(points, colors):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(prompt.network, "encode", full)
    with pytest.raises(BlockTooLargeError, match="cpu has no memory for 2000 points"):
        click(prompt, scene, 7)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_gives_nearly_the_same(precision):
    scene, masks = scene_of(500), []
    for name in ("fp32", precision):
        network = PromptNetwork(small_network(), Compute(torch.device("cpu"), name))
        masks.append(click(PointSamPrompt("x", network), scene, 7, 9).mask)
    assert (masks[0] & masks[1]).sum() > 0.9 * (masks[0] | masks[1]).sum()


def test_thinned_points_stand_for_those_nearest_to_them():
    points = scene_of(500).points
    taken, source = _thinned(points, 60)
    assert len(np.unique(taken)) == 60
    distances = np.linalg.norm(points[:, None] - points[taken], axis=-1)
    np.testing.assert_array_equal(source, distances.argmin(1))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tiny_scenes(count):
    scene = scene_of(count, size=0.02)
    found = click(Counted(), scene, 0)
    assert found.mask[0] and 0 <= found.predicted_iou <= 1


def test_voxels_that_all_lie_in_one_place():
    scene = Scene(np.ones((4, 3), np.float32), np.zeros((4, 3), np.float32), np.arange(4), 0.02)
    assert click(Counted(), scene, 2).mask[2]


CLICK = st.tuples(
    st.integers(0, 399), st.booleans(), st.floats(-0.05, 0.05), st.sampled_from([0, 1e3, 1e30])
)


@settings(max_examples=25)
@given(st.lists(CLICK, min_size=1, max_size=5), st.sampled_from([0.05, 2, 20]))
def test_no_click_leaves_the_range_of_the_network(clicks, size):
    """Beside the voxels, far away, in scenes of any size."""
    scene = scene_of(400, size=size, shift=(1e4, -50, 3))
    rows, foreground, aside, away = (np.array(column) for column in zip(*clicks, strict=True))
    points = scene.points[rows] + aside[:, None]
    points[~foreground] += away[~foreground, None]
    prompt = PointSamPrompt("x", PromptNetwork(small_network(), Compute(torch.device("cpu"))))
    try:
        found = prompt.segment_at(scene, points.astype(np.float32), foreground)
    except ValueError as error:
        assert any(words in str(error) for words in ("same voxel", "none of the points"))
    else:
        assert found.mask.any()


@pytest.mark.parametrize(
    ("points", "foreground", "error", "message"),
    [
        ([[0.3, 0.3, 9]], [True], NothingThereError, "nearest voxel is"),
        ([[0.3, 0.3, 0.3]], [False], ValueError, "none of the points is foreground"),
        ([[np.nan, 0, 0]], [True], ValueError, "NaN"),
        ([[0, 0, 0]], [True, False], ValueError, "do not fit"),
    ],
)
def test_bad_clicks(points, foreground, error, message):
    with pytest.raises(error, match=message):
        Counted().segment_at(scene_of(500), np.array(points, np.float32), np.array(foreground))


def test_weights_are_read_from_a_file(tmp_path):
    path = write_weights(tmp_path / "it.safetensors", small_network())
    settings = PointSamSettings(device="cpu")
    prompt = load_point_sam_prompt(path, settings, config=SMALL)
    scene = scene_of(300)
    np.testing.assert_array_equal(click(prompt, scene, 3).mask, click(Counted(), scene, 3).mask)
    assert prompt.name == "point_sam"
    with pytest.raises(CheckpointError, match="does not fit PointSam"):
        load_point_sam_prompt(path, settings, config=MINI)
    with pytest.raises(ValueError, match="tpu"):
        load_point_sam_prompt(path, PointSamSettings(device="tpu"), config=SMALL)


def test_what_is_missing_is_said_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    wanted = r"seg3d download point_sam.*Apache-2\.0.*set `model.point_sam.checkpoint`"
    with pytest.raises(FileNotFoundError, match=wanted):
        load_prompt_segmenter("point_sam")
    given = ModelSettings(point_sam=PointSamSettings(str(tmp_path / "other.safetensors")))
    with pytest.raises(FileNotFoundError, match=r"other\.safetensors is missing"):
        load_prompt_segmenter("point_sam", given)


def test_the_best_one_that_can_run_here_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    assert load_prompt_segmenter().name == "mini_clicks"
    given = ModelSettings(point_sam=PointSamSettings(str(tmp_path / "other.safetensors")))
    with pytest.raises(FileNotFoundError, match="seg3d download point_sam"):
        load_prompt_segmenter(models=given)
    monkeypatch.setattr("seg3d_ros.segmenters.registry.missing_packages", lambda _: ["torch"])
    assert load_prompt_segmenter().name == "geometric"


def test_the_small_one_loads_from_a_training(tmp_path):
    """In half precision, too, as its file in the package is."""
    torch.manual_seed(0)
    network = PointSam(MINI).half()
    path = write_weights(tmp_path / "mini.safetensors", network)
    assert path.stat().st_size <= 12e6
    settings = PointSamSettings(str(path), device="cpu")
    models = ModelSettings(point_sam=settings, point_sam_mini=settings)
    for name in ("point_sam_mini", "auto"):
        prompt = load_prompt_segmenter(name, models)
        assert prompt.name == "point_sam_mini"
        assert click(prompt, scene_of(200), 3).mask[3]
    missing = ModelSettings(point_sam_mini=PointSamSettings(str(tmp_path / "none.safetensors")))
    with pytest.raises(FileNotFoundError, match="point_sam_mini are not in this installation"):
        load_prompt_segmenter("point_sam_mini", missing)
