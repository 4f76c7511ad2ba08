"""Splits of the furniture: fixed by the tables and the models' keys alone.

- Held-out names: those that names.tsv marks; each has a relative among the seen names (kettle
  beside teapot), has at most eight models, and no two come from one family.
- Held-out models: of every seen name with three models or more a fifth (at least one): those
  whose keys have the smallest SHA-256 digests. A model added to the libraries later may only
  take the place of another one of its own name.
- Rooms: each has its own random numbers, seeded by (seed, split, number), so that no two splits
  share a room whatever the number of rooms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from seg3d_ros.synthesis.names import Furnishing, names

Split = Literal["train", "val_rooms", "val_models", "val_names"]
SPLITS: tuple[Split, ...] = get_args(Split)
_FEWEST_MODELS = 3  # of a name, to hold one out
_HELD_OUT_SHARE = 5  # one in so many


def furnishings_of(split: Split, furnishings: Sequence[Furnishing]) -> list[Furnishing]:
    """The models that rooms of a split are furnished with.

    `train` and `val_rooms` share theirs; `val_models` has the held-out models of seen names;
    `val_names` has those and all models of the held-out names.
    """
    held_out = held_out_models(furnishings)
    unseen_names = {name for name, entry in names().items() if entry.held_out_beside}
    if split in ("train", "val_rooms"):
        taken = [item for item in furnishings if item.model.key not in held_out]
        return [item for item in taken if item.name not in unseen_names]
    if split == "val_models":
        return [item for item in furnishings if item.model.key in held_out]
    return [
        item for item in furnishings if item.model.key in held_out or item.name in unseen_names
    ]


def held_out_models(furnishings: Sequence[Furnishing]) -> frozenset[str]:
    """Keys of the models of seen names that are never trained on."""
    by_name: dict[str, list[str]] = {}
    for item in furnishings:
        if not names()[item.name].held_out_beside:
            by_name.setdefault(item.name, []).append(item.model.key)
    return frozenset(
        key
        for keys in by_name.values()
        if len(keys) >= _FEWEST_MODELS
        for key in sorted(keys, key=_digest)[: max(1, round(len(keys) / _HELD_OUT_SHARE))]
    )


def room_random(seed: int, split: Split, number: int) -> np.random.Generator:
    """Random numbers of a split's room."""
    return np.random.default_rng([seed, SPLITS.index(split), number])


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
