"""Objects as the flat arrays of a map file, and back.

Lists of different lengths lie end to end with their lengths beside them. What can be computed
from the rest (points, boxes, centroids, labels of the vocabulary) is not stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.array_archive import split_rows
from seg3d_ros.distinct import distinct
from seg3d_ros.errors import InputError
from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.elements import Elements
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.ids import MAX_ID
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Int64, Scene
from seg3d_ros.sparse.hash_index import HashIndex, build_index, find_rows
from seg3d_ros.text.labels import check_text

Arrays = Mapping[str, npt.NDArray[Any]]

_OBJECT_COLUMNS: dict[str, type] = {  # one entry an object
    "id": np.int64,
    "element_count": np.int64,
    "score": np.float64,
    "first_seen_ns": np.int64,
    "last_seen_ns": np.int64,
    "views": np.int64,
    "prompted": np.bool_,
    "pinned_label": np.str_,  # empty: none
    "deleted": np.bool_,
}
_EMBEDDING_COLUMNS: dict[str, type] = {  # one entry an embedding
    "embedding_object": np.int64,  # row of its object
    "embedding_space": np.str_,
    "embedding_weight": np.float64,
    "embedding_views": np.int64,
    "embedding_length": np.int64,
}
_UNIT = 1e-3  # by which the length of an embedding may differ from one


class LoadedObjects(NamedTuple):
    """Objects of a file, and the next free id."""

    objects: list[MapObject]
    next_id: int


def pack_objects(objects: Sequence[MapObject], *, next_id: int) -> dict[str, npt.NDArray[Any]]:
    """Flatten objects into arrays without pickled parts."""
    return pack_bodies(objects) | {"next_id": np.array(next_id, np.int64)}


def pack_bodies(objects: Sequence[MapObject]) -> dict[str, npt.NDArray[Any]]:
    """Flatten objects, of which several may be the same one at different times."""
    rows = [
        (
            *(known.id, len(known), known.score, known.first_seen_ns, known.last_seen_ns),
            *(known.views, known.prompted, known.pinned_label or "", known.deleted),
        )
        for known in objects
    ]
    named = [
        (row, space, embedding)
        for row, known in enumerate(objects)
        for space, embedding in sorted(known.embeddings.items())
    ]
    embeddings = [
        (row, space, embedding.weight, embedding.views, len(embedding.vector))
        for row, space, embedding in named
    ]
    arrays = _columns(_OBJECT_COLUMNS, rows) | _columns(_EMBEDDING_COLUMNS, embeddings)
    vectors = [embedding.vector for _, _, embedding in named]
    arrays["embeddings"] = np.concatenate([np.empty(0, np.float32), *vectors])
    ids = [known.element_ids for known in objects]
    arrays["element_ids"] = np.concatenate([np.empty(0, np.int64), *ids])
    return arrays


def unpack_objects(arrays: Arrays, scene: Scene) -> LoadedObjects:
    """Rebuild the objects of `pack_objects`; trusts nothing.

    Args:
        arrays: of the objects.
        scene: the whole map they came with. Elements that it lacks are left out, and objects
            without any other.

    Raises:
        InputError: an array is missing, of another type or length, or its values are impossible.
    """
    bodies = unpack_bodies(arrays, scene)
    next_id = _scalar(arrays, "next_id")
    _require(1 <= next_id <= MAX_ID + 1, f"next_id is {next_id}")
    ids = arrays["id"]
    _require(len(np.unique(ids)) == len(ids), "an id stands twice")
    _require(bool(np.all(ids < next_id)), f"an id is not in 1..{next_id - 1}")
    every = arrays["element_ids"]
    _require(len(distinct(every)) == len(every), "an element belongs to two objects")
    return LoadedObjects([body for body in bodies if body is not None], int(next_id))


def unpack_bodies(arrays: Arrays, scene: Scene) -> list[MapObject | None]:
    """Rebuild the objects of `pack_bodies`, None where the map has no element of one.

    Raises:
        InputError: as of `unpack_objects`.
    """
    if "id" in arrays:  # files of before there were edits have no such column
        arrays = {"deleted": np.zeros(arrays["id"].size, np.bool_), **arrays}
    columns = _checked_columns(arrays, _OBJECT_COLUMNS, "objects")
    ids, scores = columns["id"], columns["score"]
    _require(bool(np.all((ids >= 1) & (ids <= MAX_ID))), f"an id is not in 1..{MAX_ID}")
    _require(bool(np.all((scores >= 0) & (scores <= 1))), "a score is not in 0..1")
    _require(bool(np.all(columns["views"] >= 1)), "views is below 1")

    flat = _column(arrays, "element_ids", np.int64)
    elements = split_rows(flat, columns["element_count"], "objects")
    _check_elements(elements)
    embeddings = _embeddings(arrays, len(ids))
    index = build_index(scene.element_ids)
    bodies: list[MapObject | None] = []
    for row, element_ids in enumerate(elements):
        body = _in_map(element_ids, index, scene)
        if not len(body.ids):
            bodies.append(None)
            continue
        box, centroid = voxel_box(body.points, scene.grid)
        name = str(columns["pinned_label"][row])
        bodies.append(
            MapObject(
                int(ids[row]), *body, box, centroid,
                score=float(scores[row]),
                first_seen_ns=int(columns["first_seen_ns"][row]),
                last_seen_ns=int(columns["last_seen_ns"][row]),
                views=int(columns["views"][row]),
                embeddings=embeddings[row],
                prompted=bool(columns["prompted"][row]),
                pinned_label=check_text(name, "a pinned label") if name else None,
                deleted=bool(columns["deleted"][row]),
                restored=True,
            )
        )  # fmt: skip
    return bodies


def _columns(kinds: Mapping[str, type], rows: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return {
        name: np.array(column, kind)
        for (name, kind), column in zip(kinds.items(), columns, strict=True)
    }


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise InputError(f"the stored objects are damaged: {otherwise}")


def _checked_columns(
    arrays: Arrays, kinds: Mapping[str, type], of: str
) -> dict[str, npt.NDArray[Any]]:
    columns = {name: _column(arrays, name, kind) for name, kind in kinds.items()}
    count = len(columns[next(iter(kinds))])
    for name, column in columns.items():
        _require(len(column) == count, f"{name} has {len(column)} entries for {count} {of}")
    return columns


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


def _check_elements(elements: list[Int64]) -> None:
    for part in elements:
        in_order = part[0] >= 0 and bool(np.all(np.diff(part) > 0))
        _require(in_order, "the element ids of an object are not ascending")


def _in_map(element_ids: Int64, index: HashIndex, scene: Scene) -> Elements:
    rows = find_rows(index, element_ids)
    found = rows >= 0
    return Elements(element_ids[found], scene.points[rows[found]])


def _embeddings(arrays: Arrays, objects: int) -> list[dict[str, Embedding]]:
    """Embeddings of each object by space."""
    columns = _checked_columns(arrays, _EMBEDDING_COLUMNS, "embeddings")
    flat = _column(arrays, "embeddings", np.float32)
    vectors = split_rows(flat, columns["embedding_length"], "embeddings")
    weights = columns["embedding_weight"]
    _require(bool(np.all((weights >= 0) & (weights < np.inf))), "a weight is below 0 or infinite")
    _require(bool(np.all(columns["embedding_views"] >= 1)), "views of an embedding are below 1")
    rows = columns["embedding_object"]
    _require(bool(np.all((rows >= 0) & (rows < objects))), "an embedding is of no object")
    found: list[dict[str, Embedding]] = [{} for _ in range(objects)]
    lengths: dict[str, int] = {}
    for entry, vector in enumerate(vectors):
        space = check_text(str(columns["embedding_space"][entry]), "the space of an embedding")
        unit = abs(float(np.linalg.norm(vector)) - 1) < _UNIT
        _require(unit, "an embedding is not of unit length")
        same = lengths.setdefault(space, len(vector)) == len(vector)
        _require(same, f"embeddings of {space} differ in length")
        _require(space not in found[rows[entry]], f"an object has two embeddings of {space}")
        found[rows[entry]][space] = Embedding(
            vector, float(weights[entry]), int(columns["embedding_views"][entry])
        )
    return found
