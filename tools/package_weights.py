"""Put the weights of a finished training into the package.

    python tools/package_weights.py mini results/mini/checkpoint.pt
    python tools/package_weights.py point_sam_mini results/point_sam_mini/checkpoint.pt

Half the precision is enough to compute with; what is only needed to go on training stays behind.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import Tensor

from seg3d_ros.files import replacing
from seg3d_ros.networks.checkpoint import read_checkpoint
from seg3d_ros.networks.point_sam.config import MINI as POINT_SAM_MINI_CONFIG
from seg3d_ros.networks.point_sam.network import TRAINING_PREFIX, load_point_sam
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.segmenters.weights import MINI, POINT_SAM_MINI


def main() -> None:
    """Write the weights in fp16, checked by loading them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", choices=["mini", "point_sam_mini"])
    parser.add_argument("checkpoint", type=Path)
    arguments = parser.parse_args()
    checkpoint = read_checkpoint(arguments.checkpoint)
    path, write = (
        (MINI, _write_mini) if arguments.model == "mini" else (POINT_SAM_MINI, _write_point_sam)
    )
    with replacing(path) as partial:
        write(partial, checkpoint)
    steps = checkpoint.get("step", "mean of several")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, step {steps}")


def _write_mini(path: Path, checkpoint: dict[str, Any]) -> None:
    """With as much of the recipe as describes the network."""
    recipe = OmegaConf.create(checkpoint["recipe"])
    kept = {"model": recipe.model, "data": {"class_names": recipe.data.class_names}}
    half = _half(checkpoint["state_dict"])
    torch.save({"state_dict": half, "recipe": OmegaConf.to_yaml(OmegaConf.create(kept))}, path)
    load_trained(path)  # raises if the file is no good


def _write_point_sam(path: Path, checkpoint: dict[str, Any]) -> None:
    """Like the released file, named as the network alone names its tensors."""
    half = _half(checkpoint["state_dict"])
    state = {name.removeprefix(TRAINING_PREFIX): tensor for name, tensor in half.items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    load_point_sam(path, config=POINT_SAM_MINI_CONFIG)


def _half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


if __name__ == "__main__":
    main()
