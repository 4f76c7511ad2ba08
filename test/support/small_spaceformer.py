"""SpaCeFormer in the smallest size that has all of its parts, with seeded random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from seg3d_ros.networks.spaceformer.config import BackboneConfig, SpaceformerConfig
from seg3d_ros.networks.spaceformer.network import Spaceformer

CONFIG = SpaceformerConfig(
    BackboneConfig(
        out_channels=20,
        enc_channels=(12, 24),
        enc_num_head=(1, 2),
        enc_patch_size=(16, 64),
        enc_depths=(1, 1),
        enc_attn_types="sc",
        dec_channels=(24,),
        dec_num_head=(2,),
        dec_patch_size=(16,),
        dec_depths=(1,),
        dec_attn_types="s",
        enc_rope_bases=(250, 250),
        dec_rope_bases=(250,),
    ),
    hidden_dim=24,
    feedforward_dim=32,
    clip_dim=1152,
    num_queries=8,
    num_heads=2,
    voxel_size=0.02,
)


def small_network(*, seed: int = 3) -> Spaceformer:
    """A network whose queries see different things, as untrained ones hardly do."""
    torch.manual_seed(seed)
    network = Spaceformer(CONFIG).eval()
    with torch.no_grad():
        network.mask_head[2].weight *= 30
        network.class_head.bias[0] += 3
    return network


def write_checkpoint(path: Path, network: torch.nn.Module, **extra: torch.Tensor) -> Path:
    """A file in the released format."""
    state = {f"net.{name}": tensor for name, tensor in network.state_dict().items()}
    state["caption_loss.logit_scale"] = torch.tensor(2.0)
    torch.save({"state_dict": state | extra, "epoch": 3, "global_step": 100}, path)
    return path
