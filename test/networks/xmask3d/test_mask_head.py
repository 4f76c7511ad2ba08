"""Image side of XMask3D against recordings of the reference: pyramid, pixels, queries."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from support.parity import recordings
from support.xmask3d import assert_near, with_recipe

from seg3d_ros.networks.xmask3d.image_pyramid import ImagePyramid
from seg3d_ros.networks.xmask3d.pixel_decoder import PixelDecoder
from seg3d_ros.networks.xmask3d.query_decoder import QueryDecoder

RECORDED = [
    r
    for r in recordings("xmask3d", having="config")
    if "feature_strides" in r.description["config"]
]


def features_of(config):
    """Inputs of the recording, random by name."""
    height, width = config["image_hw"]
    for i, (channels, stride) in enumerate(
        zip(config["feature_dims"], config["feature_strides"], strict=True)
    ):
        key = (zlib.crc32(f"feat{i}".encode()) + 7919 * config["seed"]) % 2**32
        noise = np.random.RandomState(key)
        shape = (1, channels, height // stride, width // stride)
        yield torch.from_numpy(noise.standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("recording", RECORDED, ids=str)
def test_masks_and_embeddings_at_released_size(recording, device):
    config, arrays = recording.description["config"], recording.arrays
    pyramid = ImagePyramid(config["feature_dims"], config["feature_strides"])
    with_recipe(pyramid, "backbone.feature_projections.").to(device)
    pixels = with_recipe(PixelDecoder(), "sem_seg_head.pixel_decoder.").to(device)
    queries = with_recipe(QueryDecoder(), "sem_seg_head.predictor.").to(device)
    with torch.inference_mode():
        levels = pyramid([x.to(device) for x in features_of(config)], config["image_hw"])
        decoded = pixels(levels)
        found = queries(decoded)
    for name, ours in (
        *zip(("s5", "s4", "s3"), levels[:3], strict=True),
        *((f"ms{i}", level) for i, level in enumerate(decoded.levels)),
        ("mask_features", decoded.masks),
    ):
        step = ours.shape[1] // arrays[name].shape[1]  # some channels are recorded
        assert_near(ours[:, ::step], arrays[name], name, tolerance=2e-3)
    assert_near(levels[3].mean((2, 3)), arrays["s2_mean"], "s2", tolerance=2e-3)
    rows = arrays.get("queries", torch.arange(50)).to(device)
    for name, ours in (
        ("pred_masks", found[-1].logits),
        ("mask_embed", found[-1].embeddings),
        ("aux0_mask_embed", found[0].embeddings),
        *((f"aux{i}_masks", found[i].logits) for i in (0, 4, 8)),
    ):
        assert_near(ours[:, rows], arrays[name], name, tolerance=2e-3)
    assert_near(queries.post_mask_embed.scale, arrays["logit_scale"], "scale")
