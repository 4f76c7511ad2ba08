"""Weights that the recordings of XMask3D were made with: random numbers by name."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from seg3d_ros.networks.xmask3d.diffusion_weights import build_diffusion

EXTRACTOR = "backbone.feature_extractor."
NATIVE = EXTRACTOR + "ldm_extractor.ldm.ldm."
EVEN = {"alpha_cond": 0.5, "alpha_cond_time_embed": 0.5, "bias": 0.05, "in_proj_bias": 0.05}


def recipe(name, shape, *, seed=1):
    """The tensor of this name and shape; always the same one."""
    leaf = name.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    key = (zlib.crc32(name.encode()) + 7919 * seed) % 2**32
    noise = np.random.RandomState(key).standard_normal(shape)
    return torch.from_numpy(np.asarray(_scaled(name, leaf, noise), np.float32).reshape(shape))


def _scaled(name, leaf, noise):
    owner = name.rsplit(".", 2)[-2] if "." in name else ""
    if leaf == "running_var":
        return np.exp(0.2 * noise)
    if leaf == "running_mean":
        return 0.1 * noise
    if leaf == "logit_scale":
        return np.log(1 / 0.07) + 0.1 * noise
    if leaf in EVEN:
        return EVEN[leaf] * noise
    if noise.ndim <= 1:
        return 1 + 0.1 * noise if leaf == "weight" else 0.5 * noise
    if "embed" in leaf or "query" in owner or "level_embed" in name:
        return 0.5 * noise
    taps = noise.shape[:-1] if leaf == "kernel" else noise.shape[1:]
    return noise * (1.3 / np.sqrt(np.prod(taps)))


def with_recipe(module, prefix=""):
    """The module with the weights of the recordings, in evaluation mode."""
    state = {k: recipe(prefix + k, v.shape) for k, v in module.state_dict().items()}
    module.load_state_dict(state)
    return module.eval()


def native_clip(description, prefix):
    """CLIP of a recording, by the names of OpenAI."""
    shapes = description["native_shapes"]["clip"]
    return {name: recipe(prefix + name, shape) for name, shape in shapes.items()}


def native_diffusion(description):
    """Weights of Stable Diffusion of a recording, by the names of its authors."""
    shapes = description["native_shapes"]["ldm"]
    return {name: recipe(NATIVE + name, shape) for name, shape in shapes.items()}


def diffusion_of(description):
    """Stable Diffusion of a recording."""
    config, state = description["config"], native_diffusion(description)
    text = recipe(NATIVE + "cond_stage_model.table", (1, 77, config["ctx"]))[0]
    heads = config["unet"]["num_heads"]
    return build_diffusion(state, text, source="the recording", heads=heads)


def assert_near(ours, theirs, what="", *, tolerance=1e-3, share=1.0):
    """Compare by the recordings' own tolerance: relative, and of the largest magnitude.

    Where masks of attention were thresholded on the way, a share of the numbers suffices.
    """
    theirs = theirs.to(ours.device)
    assert ours.shape == theirs.shape, what
    allowed = tolerance * (theirs.abs() + theirs.abs().max())
    near = ((ours.detach() - theirs).abs() <= allowed).float().mean()
    assert near >= share, f"{what}: only {float(near):.4f} within the tolerance"
