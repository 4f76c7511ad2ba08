"""Configuration of trainings: YAML files in `configs/`, put together by Hydra."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seg3d_ros.datasets.scene_dataset import instance_classes, load_class_names
from seg3d_ros.errors import InputError
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.text.class_splits import class_splits

FOLDER = Path(__file__).parent / "configs"

OmegaConf.register_new_resolver(
    "class_count", lambda label_set, root: len(load_class_names(label_set, root)), replace=True
)
OmegaConf.register_new_resolver(
    "class_names", lambda label_set, root: list(load_class_names(label_set, root)), replace=True
)
OmegaConf.register_new_resolver(
    "instance_classes",
    lambda label_set, root: list(instance_classes(label_set, root)),
    replace=True,
)
OmegaConf.register_new_resolver(
    "instance_class_names",
    lambda label_set, root: list(instance_classes(label_set, root).values()),
    replace=True,
)
OmegaConf.register_new_resolver(
    "partition", lambda name, group: list(getattr(class_splits()[name], group)), replace=True
)
OmegaConf.register_new_resolver("len", len, replace=True)
OmegaConf.register_new_resolver(
    "packaged_weights", lambda model: str({"mini": MINI}[model]), replace=True
)


def config_names() -> tuple[str, ...]:
    """Recipes that come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def load_config(name: str = "train", overrides: Sequence[str] = ()) -> DictConfig:
    """Put a configuration together.

    Args:
        name: one of `config_names`.
        overrides: as Hydra takes them: "train.lr=0.01", "model/backbone=minkunet34".

    Raises:
        InputError: there is no such configuration, or an override does not fit it; the message
            is one line.
    """
    if name not in config_names():
        raise InputError(f"no configuration {name!r}; there are {', '.join(config_names())}")
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        try:
            _check_keys(compose(name), overrides)
            return compose(name, list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise InputError(str(error).strip().split("\n")[0]) from error


def _check_keys(config: DictConfig, overrides: Sequence[str]) -> None:
    """Hydra would tell that a key is unknown, but not what comes near."""
    plain = OmegaConf.to_container(config, resolve=False)
    known = list(_keys(cast(dict[str, Any], plain)))
    for text in overrides:
        override = _parsed(text)
        key = override.key_or_group
        if override.is_add() or override.is_force_add() or key in known:
            continue
        if (FOLDER / key).is_dir():  # a group of files
            continue
        near = difflib.get_close_matches(key, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"add it with +{key}=..."
        raise InputError(f"the configuration has no key {key!r}; {hint}")


def _parsed(override: str) -> Override:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise InputError(f"cannot read {override!r}; write it as key=value") from error


def _keys(config: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")
