"""Point-SAM in small sizes: those of the recordings, and one with seeded random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from seg3d_ros.networks.point_sam.config import PointSamConfig, TransformerConfig
from seg3d_ros.networks.point_sam.network import PointSam

SMALL = PointSamConfig(
    TransformerConfig(width=24, depth=1, heads=2, mlp_width=32, image_size=None),
    patch_widths=(8, 16),
    patch_channels=16,
    width=16,
    decoder_heads=2,
    decoder_mlp_width=32,
    iou_width=16,
    patches=64,
    patch_points=8,
)


def config_of(recording) -> PointSamConfig:
    """The sizes that a recording describes."""
    cfg = recording.description["cfg"]
    vit, sizes = cfg["vit"], cfg["vit"]["overrides"]
    mlp = recording.arrays["w/pc_encoder.transformer.blocks.0.mlp.fc2.weight"]
    transformer = TransformerConfig(
        form="eva" if "giant" in vit["timm_name"] else "eva02",
        width=sizes["embed_dim"],
        depth=sizes["depth"],
        heads=sizes["num_heads"],
        mlp_width=mlp.shape[1],
        image_size=sizes["img_size"],
        image_classes=sizes["num_classes"],
    )
    return PointSamConfig(
        transformer,
        tokenizer="voronoi" if cfg.get("kind") == "nn" else "knn",
        patch_channels=cfg["patch_out"],
        voronoi_width=cfg.get("nn_hidden", 256),
        voronoi_mask_width=cfg.get("mask_width", 1024),
        width=cfg["embed_dim"],
        decoder_heads=cfg["dec_heads"],
        decoder_depth=cfg["dec_depth"],
        decoder_mlp_width=cfg["dec_mlp"],
        patches=cfg["num_patches"],
        patch_points=cfg["patch_size"],
    )


def network_of(recording) -> PointSam:
    """The network with the weights in a recording."""
    with torch.device("meta"):
        network = PointSam(config_of(recording))
    network.load_state_dict(recording.below("w/"), assign=True)
    return network.eval()


def small_network(*, seed: int = 0) -> PointSam:
    """A network that has learned nothing."""
    torch.manual_seed(seed)
    return PointSam(SMALL).eval()


def write_weights(path: Path, network: PointSam) -> Path:
    """A file in the released format."""
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    return path
