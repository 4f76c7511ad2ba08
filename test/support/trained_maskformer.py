"""A checkpoint as `seg3d train` writes it, of a MaskFormer too small to be of any use."""

from __future__ import annotations

import torch
from ruamel.yaml import YAML

from seg3d_ros.networks.trained import build

CLASS_NAMES = ("chair", "table", "lamp")
CONFIG = {
    "_target_": "seg3d_ros.networks.maskformer.MaskFormer",
    "backbone": {
        "_target_": "seg3d_ros.networks.minkunet.MinkUNet",
        "in_channels": 3,
        "out_channels": 16,
        "planes": [8] * 8,
        "layers": [1] * 8,
        "init_dim": 8,
    },
    "num_classes": 3,
    "backbone_voxel_size": 0.05,
    "hidden_dim": 16,
    "num_queries": 12,
    "num_heads": 2,
    "num_decoders": 2,
    "dim_feedforward": 24,
}


def write_checkpoint(folder, *, model=CONFIG, **changes):
    """The file, and the network in it."""
    torch.manual_seed(0)
    network = build(CONFIG)
    recipe = folder / "recipe.yaml"
    YAML(typ="safe", pure=True).dump(
        {"model": model, "data": {"class_names": list(CLASS_NAMES)}}, recipe
    )
    state = {"state_dict": network.state_dict(), "recipe": recipe.read_text(), "step": 3}
    path = folder / "checkpoint.pt"
    torch.save(state | changes, path)
    return path, network.eval()
