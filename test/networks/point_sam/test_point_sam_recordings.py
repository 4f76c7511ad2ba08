"""Point-SAM against recordings of the reference: every stage, every kind of prompt."""

import gzip
import json

import pytest
import torch
from support.parity import OWN, assert_agrees, recordings
from support.point_sam import network_of

from seg3d_ros.networks.point_sam.config import (
    GIANT,
    LARGE,
    PointSamConfig,
    TransformerConfig,
)
from seg3d_ros.networks.point_sam.network import Clicks, PointSam
from seg3d_ros.networks.point_sam.transformer import TokenTransformer

TOLERANCE = 1e-4
WHOLE = recordings("point_sam", having="cfg")
BLOCKS = recordings("point_sam", having="blocks")
ALL = slice(0, 4)


def agrees(ours, theirs, what):
    assert_agrees(ours.cpu(), theirs, what, relative=TOLERANCE)


def prompt_sets(recording):
    return [n.removesuffix("/masks_all") for n in recording.arrays if n.endswith("/masks_all")]


class Stages:
    """Outputs of modules by name, the last call of each."""

    def __init__(self, network):
        self.outputs = {}
        for name, module in network.named_modules():
            module.register_forward_hook(self._keep(name))

    def _keep(self, name):
        def hook(_, __, out):
            self.outputs[name] = out

        return hook

    def __getitem__(self, name):
        return self.outputs[name]


def encoded(network, recording, name, device):
    group = "batch" if name.startswith("batch") else "in"
    arrays = recording.below(f"{group}/")
    return network.encode(arrays["coords"].to(device), arrays["features"].to(device))


def clicks_of(arrays, device):
    mask = arrays.get("prompt_mask")
    return Clicks(
        arrays["prompt_coords"].to(device),
        arrays["prompt_labels"].to(device),
        None if mask is None else mask.to(device),
    )


@pytest.mark.parametrize("recording", WHOLE, ids=str)
def test_the_encoder_agrees_with_the_reference(recording, device):
    network = network_of(recording).to(device)
    stages = Stages(network)
    with torch.inference_mode():
        clouds = encoded(network, recording, "in", device)
    expected = recording.below("enc/")
    names = {
        "patch_embeddings": "patch_embed",
        "patch_proj": "patch_proj",
        "center_pos_embed": "pos_embed",
        "fc_norm_out": "transformer",
        "pc_embeddings": "out_proj",
    }
    blocks = range(len(network.pc_encoder.transformer.blocks))
    names |= {f"block{i}_out": f"transformer.blocks.{i}" for i in blocks}
    for theirs, ours in names.items():
        agrees(stages[f"pc_encoder.{ours}"], expected[theirs], theirs)
    agrees(clouds.tokens, expected["pc_embeddings"], "tokens")
    agrees(clouds.code, recording.arrays["dec/pc_pe"], "code of the centers")
    assert torch.equal(clouds.patches.centers.cpu(), expected["centers"])
    assert_same_members(clouds, expected)
    assert_same_interpolation(clouds.to_points, recording.below("dec/"))


def assert_same_members(clouds, expected):
    ours = clouds.patches.members.cpu()
    if "nn_idx" in expected:
        assert torch.equal(ours, expected["nn_idx"].long())
    else:
        assert torch.equal(ours.sort(-1).values, expected["knn_idx"].long().sort(-1).values)


def assert_same_interpolation(ours, expected):
    order = ours.index.cpu().sort(-1)
    theirs = expected["interp_index"].long().sort(-1)
    assert torch.equal(order.values, theirs.values)
    agrees(
        ours.weight.cpu().gather(-1, order.indices),
        expected["interp_weight"].gather(-1, theirs.indices),
        "weights",
    )


@pytest.mark.parametrize(
    ("recording", "name"),
    [pytest.param(r, name, id=f"{r}-{name}") for r in WHOLE for name in prompt_sets(r)],
)
def test_prompts_agree_with_the_reference(recording, name, device):
    network = network_of(recording).to(device)
    expected = recording.below(f"{name}/")
    with torch.inference_mode():
        clouds = encoded(network, recording, name, device)
        stages = Stages(network)
        found = network.predict(clouds, clicks_of(expected, device), candidates=ALL)
    agrees(found.logits, expected["masks_all"], "masks")
    agrees(found.predicted_iou, expected["iou_all"], "predicted IoU")
    agrees(stages["point_encoder"], expected["sparse_embeddings"], "clicks")
    if "prompt_mask" in expected:
        agrees(stages["mask_encoder"], expected["dense_embeddings"], "mask")
    tokens, cloud = stages["mask_decoder.transformer"]
    agrees(tokens, expected["hs"], "tokens")
    heads = [stages[f"mask_decoder.output_hypernetworks_mlps.{i}"] for i in range(4)]
    agrees(torch.stack(heads, 1), expected["hyper_in"], "hypernetworks")
    if "src_out" in expected:
        agrees(cloud, expected["src_out"], "cloud")
        agrees(stages["mask_decoder.output_upscaling.4"], expected["upscaled"], "points")
        for i in range(2):
            queries, keys = stages[f"mask_decoder.transformer.layers.{i}"]
            agrees(queries, expected[f"layer{i}_queries"], f"tokens of layer {i}")
            agrees(keys, expected[f"layer{i}_keys"], f"cloud of layer {i}")


@pytest.mark.parametrize("recording", BLOCKS, ids=str)
def test_plain_blocks_agree_with_the_reference(recording, device):
    """The giant form, of which only the blocks are in this repository."""
    hidden = recording.arrays["w/blocks.0.mlp.fc1.weight"].shape[0]
    config = TransformerConfig(
        **recording.description["blocks"], mlp_width=hidden, image_size=None
    )
    transformer = TokenTransformer(config)
    transformer.load_state_dict(recording.below("w/"))
    transformer = transformer.eval().to(device)
    stages = Stages(transformer)
    expected = recording.below("enc/")
    with torch.inference_mode():
        out = transformer((expected["patch_proj"] + expected["center_pos_embed"]).to(device))
    agrees(out, expected["fc_norm_out"], "tokens")
    for i in range(config.depth):
        agrees(stages[f"blocks.{i}"], expected[f"block{i}_out"], f"block {i}")


@pytest.mark.parametrize("name", ["large", "giant", "voronoi_large", "voronoi_giant"])
def test_tensors_are_those_of_the_published_sizes(name):
    with gzip.open(OWN / "point_sam/manifests.json.gz") as file:
        expected = json.load(file)[name]
    size = GIANT if "giant" in name else LARGE
    tokenizer = "voronoi" if "voronoi" in name else "knn"
    with torch.device("meta"):
        network = PointSam(PointSamConfig(**vars(size) | {"tokenizer": tokenizer}))
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    assert shapes == expected
