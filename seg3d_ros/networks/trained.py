"""Networks as `seg3d train` leaves them: weights, and the recipe that says what they fit.

A checkpoint holds the tensors in "state_dict", and the resolved configuration as YAML in "recipe":
its "model" is the network as Hydra builds it, its "data.class_names" what the classes are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from seg3d_ros.errors import InputError
from seg3d_ros.networks.checkpoint import (
    CheckpointError,
    load_strictly,
    read_checkpoint,
    tensors_in,
)
from seg3d_ros.networks.meta import without_weights

_PACKAGE = "seg3d_ros.networks."  # a checkpoint must not name anything else to be called
_RENAMED = {  # targets in older checkpoints
    f"{_PACKAGE}lassm.minkunet34c.MinkUNet34C": f"{_PACKAGE}minkunet34c.MinkUNet34C",
    f"{_PACKAGE}spaceformer_backbone.Backbone": f"{_PACKAGE}spaceformer.Backbone",
    f"{_PACKAGE}spaceformer_config.BackboneConfig": f"{_PACKAGE}spaceformer.BackboneConfig",
}


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that is ready for use.

    Attributes:
        network: on the CPU, in evaluation mode.
        class_names: of the classes it was trained for.
    """

    network: nn.Module
    class_names: tuple[str, ...]


def load_trained(path: str | Path) -> Trained:
    """Build the network that a checkpoint describes, with its weights.

    Neither Hydra nor the dataset has to be there.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, was not written by `seg3d train`, or is of another version.
    """
    loaded = read_checkpoint(path)
    if not {"state_dict", "recipe"} <= loaded.keys():
        raise CheckpointError(f"{path} was not written by `seg3d train`: it lacks the recipe")
    try:
        recipe = parse_recipe(loaded["recipe"])
        names = tuple(map(str, recipe["data"]["class_names"]))
        with without_weights():
            network = build(recipe["model"])
        if not isinstance(network, nn.Module):
            raise InputError(f"its model is a {type(network).__name__}")
    except (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError,
            RecursionError, RuntimeError, TypeError, ValueError) as error:  # fmt: skip
        raise CheckpointError(f"the recipe in {path} describes no network: {error!r}") from error
    load_strictly(network, tensors_in(loaded["state_dict"], source=path), source=str(path))
    return Trained(network.eval(), names)


def build(config: Any) -> Any:
    """Build the object that a configuration describes, as `hydra.utils.instantiate` does.

    Args:
        config: mappings with the key `_target_` become calls of that class; it has to be one of
            this package's networks. All other keys that start with "_" are left out.

    Raises:
        ValueError: a target is something else.
    """
    if isinstance(config, (list, tuple)):
        return [build(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    parts = {key: build(value) for key, value in config.items() if not key.startswith("_")}
    return _class(config["_target_"])(**parts) if "_target_" in config else parts


def _class(target: str) -> type:
    module, _, name = _RENAMED.get(target, target).rpartition(".")
    if module.startswith(_PACKAGE):
        found = getattr(import_module(module), name)
        if isinstance(found, type) and f"{found.__module__}.".startswith(f"{module}."):
            return found
    raise InputError(f"{target} is none of the networks in {_PACKAGE.rstrip('.')}")


def parse_recipe(recipe: Any) -> Any:
    """Content of the YAML text in a checkpoint.

    Raises:
        ValueError: it is no text, or no YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not isinstance(recipe, str):
        raise InputError(f"it is a {type(recipe).__name__}, not text")
    try:
        return YAML(typ="safe", pure=True).load(recipe)
    except (YAMLError, RecursionError) as error:
        raise InputError("it is no YAML") from error
