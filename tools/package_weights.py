"""Put the weights of a finished training into the package.

    python tools/package_weights.py mini results/mini/checkpoint.pt
    python tools/package_weights.py point_sam_mini results/point_sam_mini/checkpoint.pt
    python tools/package_weights.py mini_clicks results/mini_clicks/checkpoint.pt

Half the precision is enough to compute with; what is only needed to go on training stays behind.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import Tensor

from seg3d_ros.files import replacing
from seg3d_ros.networks.checkpoint import load_strictly, read_checkpoint, read_safetensors
from seg3d_ros.networks.mini_clicks.network import TRAINING_PREFIX as HEAD_PREFIX
from seg3d_ros.networks.mini_clicks.network import MiniClicks
from seg3d_ros.networks.point_sam.config import MINI as POINT_SAM_MINI_CONFIG
from seg3d_ros.networks.point_sam.network import TRAINING_PREFIX, PointSam
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.segmenters.weights import MINI, MINI_CLICKS, POINT_SAM_MINI


def main() -> None:
    """Write the weights in fp16, checked by loading them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", choices=list(_WRITERS))
    parser.add_argument("checkpoint", type=Path)
    arguments = parser.parse_args()
    checkpoint = read_checkpoint(arguments.checkpoint)
    path, write = _WRITERS[arguments.model]
    with replacing(path) as partial:
        write(partial, checkpoint)
    steps = checkpoint.get("step", "mean of several")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, step {steps}")


def _write_mini(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """With as much of the recipe as describes the network."""
    recipe = OmegaConf.create(checkpoint["recipe"])
    kept = {"model": recipe.model, "data": {"class_names": recipe.data.class_names}}
    half = _half(checkpoint["state_dict"])
    torch.save({"state_dict": half, "recipe": OmegaConf.to_yaml(OmegaConf.create(kept))}, path)
    load_trained(path)  # raises if the file is no good


def _write_point_sam(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Like the released file, named as the network alone names its tensors."""
    _write_tensors(path, checkpoint, TRAINING_PREFIX)
    load_strictly(PointSam(POINT_SAM_MINI_CONFIG), read_safetensors(path), source=str(path))


def _write_mini_clicks(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Without `mini`, which has a file of its own."""
    _write_tensors(path, checkpoint, HEAD_PREFIX)
    load_strictly(MiniClicks(), read_safetensors(path), source=str(path))


def _write_tensors(path: Path, checkpoint: Mapping[str, Any], prefix: str) -> None:
    half = _half(checkpoint["state_dict"])
    state = {name.removeprefix(prefix): tensor for name, tensor in half.items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def _half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


_WRITERS = {
    "mini": (MINI, _write_mini),
    "point_sam_mini": (POINT_SAM_MINI, _write_point_sam),
    "mini_clicks": (MINI_CLICKS, _write_mini_clicks),
}

if __name__ == "__main__":
    main()
