"""GPU path on a pretend device: nothing is left on the CPU, and the host rarely waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support import point_sam, small_spaceformer
from support.pretend_cuda import CUDA, pretend_cuda
from support.trained_maskformer import CONFIG

from seg3d_ros.compute import Compute
from seg3d_ros.errors import DeviceLostError
from seg3d_ros.masks import Masks
from seg3d_ros.networks.lassm.decoder import LassmDecoder
from seg3d_ros.networks.lassm.inputs import InputConfig
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.spunet import SpUNet
from seg3d_ros.networks.trained import build
from seg3d_ros.segmenters.lassm import LassmSegmenter
from seg3d_ros.segmenters.maskformer import MaskFormerSegmenter
from seg3d_ros.segmenters.prompts.point_sam import PointSamPrompt
from seg3d_ros.segmenters.prompts.prompt_network import PromptNetwork
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import (
    MaskSettings,
    MiniSettings,
    ModelSettings,
    SpaceformerSettings,
)
from seg3d_ros.segmenters.spaceformer import SpaceformerSegmenter
from seg3d_ros.segmenters.spaceformer_engine import TorchEngine

LENIENT: dict[str, Any] = {"min_score": 0.0, "min_mask_points": 1, "split_gap": 0.0}


def spaceformer(compute):
    engine = TorchEngine(small_spaceformer.small_network(), compute)
    return SpaceformerSegmenter(engine, SpaceformerSettings(**LENIENT)).segment


def maskformer(compute):
    torch.manual_seed(0)
    model = build(CONFIG)
    return MaskFormerSegmenter(
        model,
        torch.eye(3),
        compute=compute,
        settings=MaskSettings(**LENIENT),
        usual_points=300_000,
    ).segment


def lassm(compute):
    torch.manual_seed(0)
    decoder = LassmDecoder(4, 3, width=64, num_blocks=(1, 1), attention_layers=1)
    model = LaSSM(SpUNet(6, (4, 6)), decoder, InputConfig())
    settings = MaskSettings(**LENIENT)
    return LassmSegmenter(
        model, torch.eye(3), top_k=20, compute=compute, settings=settings
    ).segment


def mini(compute):
    settings = MiniSettings(device=str(compute.device), **LENIENT)
    return load_segmenter("mini", ModelSettings(mini=settings)).segment


def clicks(compute):
    prompt = PointSamPrompt("point_sam", PromptNetwork(point_sam.small_network(), compute))

    def segment(scene):
        found = prompt.segment_at(scene, scene.points[:1], np.ones(1, bool))
        return SimpleNamespace(
            masks=Masks.of(found.mask[None]), scores=np.array([found.predicted_iou])
        )

    return segment


@pytest.fixture(scope="module")
def scene(builder):
    built = builder().rectangle((0, 0, 0), (0.7, 0, 0), (0, 0.5, 0))
    return built.box((0.4, 0.3, 0.1), (0.2, 0.2, 0.2), 1).build()[0]


@pytest.mark.parametrize(
    ("load", "precision", "waits"),
    [
        (spaceformer, "fp32", 12),
        (spaceformer, "fp16", 16),
        (maskformer, "fp32", 12),
        (maskformer, "fp16", 16),
        (lassm, "fp32", 25),
        (lassm, "fp16", 30),
        (clicks, "fp32", 12),
        (clicks, "fp16", 16),
        (mini, "fp32", 50),
    ],
)
def test_a_gpu_gives_what_the_cpu_gives_and_is_rarely_waited_for(scene, load, precision, waits):
    exact = load(Compute(torch.device("cpu")))(scene)
    with pretend_cuda() as device:
        segment = load(Compute(CUDA, precision))
        device.forget()
        found = segment(scene)
    assert sum(device.waits.values()) <= waits, device.waits.most_common()
    if precision == "fp32":
        assert found.masks.dense().shape == exact.masks.dense().shape
        assert (found.masks.dense() != exact.masks.dense()).mean() < 1e-3
        np.testing.assert_allclose(found.scores, exact.scores, atol=1e-3)
    else:
        assert abs(found.scores.max() - exact.scores.max()) < 0.05


@pytest.mark.parametrize("load", [spaceformer, maskformer, clicks, mini])
def test_a_gpu_that_is_lost_at_any_moment_is_told_from_other_errors(scene, load):
    with pretend_cuda() as device:
        segment = load(Compute(CUDA))
        before = device.operations
        segment(scene)
        count = device.operations - before
        for done in np.linspace(0, count - 1, 12).astype(int):
            segment = load(Compute(CUDA))
            device.lost_after = device.operations + done
            with pytest.raises(DeviceLostError, match="cuda:0 takes no more work"):
                segment(scene)
            device.lost_after = None
