"""Objects in map files of the formats 1 and 2, as the arrays of today."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError

logger = logging.getLogger(__name__)

_SPACES = {384: "all-MiniLM-L6-v2", 1152: "siglip2-so400m-patch14-224"}  # all there were
_RENAMED = {"voxel_count": "element_count", "voxel_keys": "element_ids"}
_DROPPED = ("has_embedding", "voxel_size")


def upgrade_objects(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Arrays as `pack_objects` gives them.

    Embeddings had no name of their space, but a length. Those of an unknown one are left out.

    Args:
        arrays: of the objects of a file; they are not checked.

    Raises:
        InputError: they are too damaged to be translated.
    """
    upgraded = {
        _RENAMED.get(name, name): array for name, array in arrays.items() if name not in _DROPPED
    }
    try:
        owners = np.flatnonzero(arrays["has_embedding"])
        lengths, values = arrays["embedding_length"], arrays["embeddings"]
        if np.any(lengths < 1) or lengths.sum() != len(values):
            raise InputError("embeddings do not add up to their lengths")
        scores, counts = arrays["score"][owners], arrays["voxel_count"][owners]
        views = arrays["views"][owners]
        known = np.isin(lengths, list(_SPACES))
        vectors = np.split(values, np.cumsum(lengths)[:-1])
        kept = [vector for vector, named in zip(vectors, known, strict=True) if named]
        upgraded["embeddings"] = np.concatenate([np.empty(0, np.float32), *kept])
        spaces = [_SPACES[int(length)] for length in lengths[known]]
        columns = {
            "embedding_length": lengths[known],
            "embedding_object": owners[known],
            "embedding_space": np.array(spaces, np.str_),
            "embedding_weight": (scores * counts)[known],
            "embedding_views": views[known],
        }
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"the stored objects are damaged: {error!r}") from error
    if not known.all():
        logger.warning("%d embeddings of an unknown text space are left out", (~known).sum())
    return upgraded | columns
