"""Prototypes as the flat arrays of a map file, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.array_archive import split_rows
from seg3d_ros.errors import InputError
from seg3d_ros.objects.prototypes import LEAST_EXAMPLES, Kind, Prototype
from seg3d_ros.text.labels import check_text, fold

_UNIT = 1e-3  # by which the length of a vector may differ from one


def pack_prototypes(
    prototypes: Sequence[Prototype], forgotten: Iterable[str]
) -> dict[str, npt.NDArray[Any]]:
    """Prototypes, and folded names that are not to be learnt, without pickled parts."""
    kinds = [
        (row, space, kind)
        for row, prototype in enumerate(prototypes)
        for space, kind in prototype.kinds.items()
    ]
    vectors = [kind.vector for _, _, kind in kinds]
    return {
        "prototype_name": np.array([one.name for one in prototypes], np.str_),
        "prototype_examples": np.array([one.examples for one in prototypes], np.int64),
        "prototype_log_extents": np.array([one.log_extents for one in prototypes]).reshape(-1, 3),
        "kind_prototype": np.array([row for row, _, _ in kinds], np.int64),
        "kind_space": np.array([space for _, space, _ in kinds], np.str_),
        "kind_likeness": np.array([kind.likeness for _, _, kind in kinds], np.float64),
        "kind_length": np.array([len(vector) for vector in vectors], np.int64),
        "kind_vectors": np.concatenate([np.empty(0, np.float32), *vectors]),
        "forgotten_name": np.array(sorted(forgotten), np.str_),
    }


def unpack_prototypes(
    arrays: Mapping[str, npt.NDArray[Any]],
) -> tuple[list[Prototype], set[str]]:
    """Prototypes of `pack_prototypes`, and forgotten names; none where a file has none.

    Raises:
        InputError: the arrays do not fit each other, or their values are impossible.
    """
    if "prototype_name" not in arrays:
        return [], set()
    try:
        names = [str(name) for name in arrays["prototype_name"].tolist()]
        kinds = _kinds(arrays, len(names))
        rows = zip(
            names,
            kinds,
            arrays["prototype_log_extents"].reshape(-1, 3),
            arrays["prototype_examples"].tolist(),
            strict=True,
        )
        forgotten = {fold(str(name)) for name in arrays["forgotten_name"].tolist()}
        return [_prototype(*row) for row in rows], forgotten
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the stored prototypes are damaged: {error!r}") from error


def _kinds(arrays: Mapping[str, npt.NDArray[Any]], count: int) -> list[dict[str, Kind]]:
    """Kinds of each prototype by space."""
    lengths, flat = arrays["kind_length"], arrays["kind_vectors"].astype(np.float32)
    vectors = split_rows(flat, lengths, "prototypes")
    found: list[dict[str, Kind]] = [{} for _ in range(count)]
    rows = zip(
        arrays["kind_prototype"].tolist(),
        arrays["kind_space"].tolist(),
        arrays["kind_likeness"].tolist(),
        vectors,
        strict=True,
    )
    for row, space, likeness, vector in rows:
        if row < 0 or not -1 - _UNIT <= likeness <= 1 + _UNIT:
            raise ValueError(f"kind of prototype {row} with likeness {likeness}")
        if not abs(float(np.linalg.norm(vector)) - 1) < _UNIT:
            raise ValueError("a vector is not of unit length")
        found[row][str(space)] = Kind(vector, float(likeness))
    return found


def _prototype(
    name: str, kinds: dict[str, Kind], log_extents: npt.NDArray[Any], examples: int
) -> Prototype:
    if not kinds or examples < LEAST_EXAMPLES or not np.isfinite(log_extents).all():
        raise ValueError(f"prototype {name!r} of {examples} objects in {len(kinds)} spaces")
    name = check_text(name, "the name of a prototype")
    return Prototype(name, kinds, log_extents.astype(np.float64), examples)
