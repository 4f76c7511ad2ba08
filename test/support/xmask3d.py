"""Weights that the recordings of XMask3D were made with: random numbers by name."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from seg3d_ros.networks.minkunet34c import MinkUNet34C
from seg3d_ros.networks.xmask3d.captioner import Captioner
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.clip_weights import clip_vision
from seg3d_ros.networks.xmask3d.diffusion import STRIDES, DiffusionFeatures
from seg3d_ros.networks.xmask3d.diffusion_weights import build_diffusion, diffusion_networks
from seg3d_ros.networks.xmask3d.image_pyramid import ImagePyramid
from seg3d_ros.networks.xmask3d.network import FrozenNetworks, XMask3D
from seg3d_ros.networks.xmask3d.pixel_decoder import PixelDecoder
from seg3d_ros.networks.xmask3d.point_branch import BaseClassHead, PointBranch, PointDecoder
from seg3d_ros.networks.xmask3d.query_decoder import QueryDecoder
from seg3d_ros.scene import Camera, Scene, View

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


def fill_uncovered(from_masks, points):
    """Rows that are zero become those of the nearest point that has some: an output for looking.

    Args:
        from_masks: (P, D).
        points: (P, 3) metres.
    """
    empty = from_masks.sum(1) == 0
    if not empty.any() or empty.all():
        return from_masks
    tree = cKDTree(points[~empty].cpu().numpy())
    nearest = torch.from_numpy(tree.query(points[empty].cpu().numpy())[1]).to(from_masks.device)
    filled = from_masks.clone()
    filled[empty] = from_masks[~empty][nearest]
    return filled


def small_diffusion():
    """Stable Diffusion's layout with a few channels, as diffusers and transformers build it."""
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet, vae = diffusion_networks((32, 64, 64, 64), (32, 32, 64, 64), context_width=32, heads=4)
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=32, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
        )
    )
    return {"unet": unet, "vae": vae, "text_encoder": text}


def small_clip():
    """A CLIP of two layers, as OpenAI names its parts."""
    width = 64
    block = {
        "ln_1.weight": (width,), "ln_1.bias": (width,),
        "attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width), "attn.out_proj.bias": (width,),
        "ln_2.weight": (width,), "ln_2.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width), "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width), "mlp.c_proj.bias": (width,),
    }  # fmt: skip
    shapes = {
        "class_embedding": (width,), "positional_embedding": (5, width), "proj": (width, 768),
        "conv1.weight": (width, 3, 14, 14), "ln_pre.weight": (width,), "ln_pre.bias": (width,),
        "ln_post.weight": (width,), "ln_post.bias": (width,),
        **{f"transformer.resblocks.{i}.{k}": v for i in range(2) for k, v in block.items()},
    }  # fmt: skip
    return {f"visual.{name}": recipe(name, shape) for name, shape in shapes.items()}


def small_branch():
    """A point branch of few channels with random weights."""
    torch.manual_seed(0)
    sizes = {"planes": (8,) * 8, "layers": (1,) * 8, "init_dim": 8, "final_bias": False}
    decoder, head = (MinkUNet34C(3, 256, **sizes) for _ in range(2))
    return PointBranch(PointDecoder(decoder), BaseClassHead(head)).eval()


def small_network():
    """XMask3D of few channels, and the frozen networks that go with it."""
    parts = small_diffusion()
    with torch.no_grad():
        frozen = DiffusionFeatures(parts["unet"], parts["vae"], torch.randn(77, 32))
    network = XMask3D(
        small_branch(),
        Captioner(context_width=32, time_width=128),
        ImagePyramid(frozen.channels, STRIDES),
        PixelDecoder(width=32, heads=2, hidden=32, layers=1),
        QueryDecoder(width=32, queries=8, heads=2, hidden=32, layers=2),
    ).eval()
    clip = clip_vision(small_clip(), source="a test").eval()
    return network, FrozenNetworks(frozen, clip)


def wall_scene(*, views=3, seed=0):
    """A wall of 3 x 2.4 m, 2 cm points, and views of it from 2 m in front of it."""
    across, up = np.meshgrid(np.arange(-1.5, 1.5, 0.02), np.arange(0, 2.4, 0.02))
    points = np.stack([across, np.full_like(across, 2), up], 2).reshape(-1, 3)
    random = np.random.default_rng(seed)
    patches = random.random((2, 3, 3))
    place = ((points[:, 2] > 1.2).astype(int), np.clip(points[:, 0] + 1.5, 0, 2.9).astype(int))
    ids = random.permutation(10**6)[: len(points)]
    scene = Scene(points.astype(np.float32), patches[place].astype(np.float32), ids, 0.02)
    return replace(scene, views=[view_of_wall(number, random) for number in range(1, views + 1)])


def view_of_wall(number, random):
    """View from one of several places; its picture is noise."""
    pose = np.eye(4)
    pose[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    pose[:3, 3] = 0.4 * number - 1.2, 0, 1.2
    color = random.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    depth = np.full((60, 80), 2, np.float32)
    camera = Camera(80, 60, 80.0, 80.0, 39.5, 29.5)
    return View(number, number * 10**9, color, depth, camera, pose)


def open_classes(count=6):
    """Classes of random words, every other of which is novel."""
    vectors = torch.randn(count + 1, 768, generator=torch.Generator().manual_seed(3))
    return OpenClasses(vectors[1:], vectors[0], torch.arange(count) % 2 == 0)


def save_letters(folder):
    """The tokenizer.json of a CLIP whose words are single letters."""
    import tokenizers

    letters = {letter: number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    vocab = letters | {"<unk>": 26, "<|startoftext|>": 49406, "<|endoftext|>": 49407}
    model = tokenizers.models.BPE(vocab=vocab, merges=[], unk_token="<unk>")
    tokenizers.Tokenizer(model).save(str(folder / "tokenizer.json"))


def save_clip(folder):
    """A small CLIP as the hub has it: both towers and the tokenizer."""
    from transformers import CLIPConfig, CLIPModel

    layers = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2}
    layers |= {"num_attention_heads": 1, "projection_dim": 768}
    vision = layers | {"image_size": 28, "patch_size": 14}
    torch.manual_seed(0)
    CLIPModel(
        CLIPConfig(text_config=layers, vision_config=vision, projection_dim=768)
    ).save_pretrained(folder)
    save_letters(folder)
