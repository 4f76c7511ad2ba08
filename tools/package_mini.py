"""Put the weights of a finished training of `mini` into the package.

    python tools/package_mini.py results/mini/checkpoint.pt

Half the precision is enough to compute with; what is only needed to go on training stays behind.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from omegaconf import OmegaConf

from seg3d_ros.networks.checkpoint import read_checkpoint
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.segmenters.weights import MINI


def main() -> None:
    """Write the weights in fp16, with as much of the recipe as describes the network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    path = parser.parse_args().checkpoint
    checkpoint = read_checkpoint(path)
    recipe = OmegaConf.create(checkpoint["recipe"])
    kept = {"model": recipe.model, "data": {"class_names": recipe.data.class_names}}
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in checkpoint["state_dict"].items()
    }
    MINI.parent.mkdir(exist_ok=True)
    partial = MINI.with_suffix(".partial")
    torch.save({"state_dict": half, "recipe": OmegaConf.to_yaml(OmegaConf.create(kept))}, partial)
    load_trained(partial)  # raises if the file is no good
    partial.replace(MINI)
    print(f"{MINI}: {MINI.stat().st_size / 1e6:.1f} MB, step {checkpoint['step']}")


if __name__ == "__main__":
    main()
