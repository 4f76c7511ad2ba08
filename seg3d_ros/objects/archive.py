"""Objects as the flat arrays of a map file, and back.

Lists of different lengths lie end to end with their lengths beside them. What can be computed
from the rest (boxes, centroids, labels of the vocabulary) is not stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.ids import MAX_ID
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Float32, Float64, Int64, MapGrid
from seg3d_ros.text.labels import check_text

Arrays = Mapping[str, npt.NDArray[Any]]

_COLUMNS: dict[str, type] = {  # one entry an object
    "id": np.int64,
    "voxel_count": np.int64,
    "score": np.float64,
    "first_seen_ns": np.int64,
    "last_seen_ns": np.int64,
    "views": np.int64,
    "prompted": np.bool_,
    "pinned_label": np.str_,  # empty: none
    "has_embedding": np.bool_,
}


class LoadedObjects(NamedTuple):
    """Objects of a file, the grid of their voxel keys, and the next free id."""

    objects: list[MapObject]
    grid: MapGrid
    next_id: int


def pack_objects(
    objects: Sequence[MapObject], *, voxel_size: float, next_id: int
) -> dict[str, npt.NDArray[Any]]:
    """Flatten objects into arrays without pickled parts."""
    rows = [
        (
            *(known.id, len(known), known.score, known.first_seen_ns, known.last_seen_ns),
            *(known.views, known.prompted, known.pinned_label or "", known.embedding is not None),
        )
        for known in objects
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(_COLUMNS)
    arrays: dict[str, npt.NDArray[Any]] = {
        name: np.array(column, dtype)
        for (name, dtype), column in zip(_COLUMNS.items(), columns, strict=True)
    }
    embeddings = [known.embedding for known in objects if known.embedding is not None]
    arrays["embeddings"] = np.concatenate([np.empty(0, np.float32), *embeddings])
    arrays["embedding_length"] = np.array([len(e) for e in embeddings], np.int64)
    arrays["voxel_keys"] = np.concatenate(
        [np.empty(0, np.int64), *(known.element_ids for known in objects)]
    )
    arrays["voxel_size"] = np.array(voxel_size)
    arrays["next_id"] = np.array(next_id, np.int64)
    return arrays


def unpack_objects(arrays: Arrays, origin: Float64) -> LoadedObjects:
    """Rebuild the objects of `pack_objects`; trusts nothing.

    Args:
        arrays: of the objects.
        origin: (3,) that of the voxels they came with, see `MapGrid`.

    Raises:
        ValueError: an array is missing, of another type or length, or its values are impossible.
    """
    columns = {name: _column(arrays, name, dtype) for name, dtype in _COLUMNS.items()}
    count = len(columns["id"])
    for name, column in columns.items():
        _require(len(column) == count, f"{name} has {len(column)} entries for {count} objects")
    voxel_size, next_id = (_scalar(arrays, name) for name in ("voxel_size", "next_id"))
    _require(0 < voxel_size < 1e3 or count == 0, f"voxel_size is {voxel_size}")
    grid = MapGrid(voxel_size, origin)
    _require(1 <= next_id <= MAX_ID + 1, f"next_id is {next_id}")
    ids = columns["id"]
    _require(len(np.unique(ids)) == count, "an id stands twice")
    _require(bool(np.all((ids >= 1) & (ids < next_id))), f"an id is not in 1..{next_id - 1}")
    _require(
        bool(np.all((columns["score"] >= 0) & (columns["score"] <= 1))), "a score is not in 0..1"
    )
    _require(bool(np.all(columns["views"] >= 1)), "views is below 1")

    keys = _split(_column(arrays, "voxel_keys", np.int64), columns["voxel_count"], "voxel_keys")
    _check_keys(keys)
    embeddings = iter(_embeddings(arrays, int(columns["has_embedding"].sum())))
    objects = []
    for row in range(count):
        box, centroid = voxel_box(keys[row], grid)
        name = str(columns["pinned_label"][row])
        objects.append(
            MapObject(
                id=int(ids[row]),
                element_ids=keys[row],
                box=box,
                centroid=centroid,
                score=float(columns["score"][row]),
                first_seen_ns=int(columns["first_seen_ns"][row]),
                last_seen_ns=int(columns["last_seen_ns"][row]),
                views=int(columns["views"][row]),
                embedding=next(embeddings) if columns["has_embedding"][row] else None,
                prompted=bool(columns["prompted"][row]),
                pinned_label=check_text(name, "a pinned label") if name else None,
            )
        )
    return LoadedObjects(objects, grid, int(next_id))


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"the stored objects are damaged: {otherwise}")


def _column(arrays: Arrays, name: str, dtype: type) -> npt.NDArray[Any]:
    _require(name in arrays, f"{name} is missing")
    array = arrays[name]
    fits = array.ndim == 1 and np.issubdtype(array.dtype, dtype)
    _require(fits, f"{name} is {array.dtype} {array.shape}, expected {dtype.__name__} (N,)")
    return array


def _scalar(arrays: Arrays, name: str) -> float:
    _require(name in arrays, f"{name} is missing")
    array = arrays[name]
    number = array.ndim == 0 and array.dtype.kind in "iuf"
    _require(number, f"{name} is {array.dtype} {array.shape}, expected one number")
    value = float(array)
    _require(math.isfinite(value), f"{name} is {value}")
    return value


def _split(flat: npt.NDArray[Any], lengths: Int64, name: str) -> list[npt.NDArray[Any]]:
    _require(
        bool(np.all((lengths >= 1) & (lengths <= len(flat)))), f"{name} has impossible lengths"
    )
    _require(int(lengths.sum()) == len(flat), f"{name} does not add up to its lengths")
    return np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _check_keys(keys: list[Int64]) -> None:
    for part in keys:
        in_order = part[0] >= 0 and bool(np.all(np.diff(part) > 0))
        _require(in_order, "the voxel keys of an object are not ascending")
    every = np.concatenate([np.empty(0, np.int64), *keys])
    _require(len(np.unique(every)) == len(every), "a voxel belongs to two objects")


def _embeddings(arrays: Arrays, count: int) -> list[Float32]:
    lengths = _column(arrays, "embedding_length", np.int64)
    _require(len(lengths) == count, f"{len(lengths)} embeddings for {count} objects that have one")
    embeddings = _split(_column(arrays, "embeddings", np.float32), lengths, "embeddings")
    for embedding in embeddings:
        unit = abs(float(np.linalg.norm(embedding)) - 1) < 1e-3
        _require(unit, "an embedding is not of unit length")
    return embeddings
