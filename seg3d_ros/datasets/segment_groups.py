"""Annotations of ScanNet and ScanNet++: objects as groups of mesh segments, in JSON files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Int64

_T = TypeVar("_T")


@dataclass(frozen=True)
class SegmentGroup:
    """One annotated object.

    Attributes:
        id: of the object in its scene.
        label: free text of the annotator.
        segments: ids of the segments that it consists of.
    """

    id: int
    label: str
    segments: Sequence[int]


class SegmentRows:
    """Vertices of each segment.

    Args:
        segment_of_vertex: (V,) segment id of each vertex.
    """

    def __init__(self, segment_of_vertex: Int64) -> None:
        ids, inverse, counts = np.unique(
            segment_of_vertex, return_inverse=True, return_counts=True
        )
        self._index = {int(value): row for row, value in enumerate(ids)}
        ends = np.cumsum(counts)
        rows = np.argsort(inverse, kind="stable")
        self._rows = np.split(rows, ends[:-1]) if len(ids) else []

    def of(self, segments: Sequence[int]) -> Int64:
        """(K,) rows of the vertices of these segments; segments without vertices have none."""
        known = {self._index[value] for value in segments if value in self._index}
        parts = [self._rows[row] for row in sorted(known)]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


def read_segments(path: Path, vertices: int) -> SegmentRows:
    """Read "segIndices", the segment of each vertex.

    Args:
        path: JSON file.
        vertices: of the mesh.

    Raises:
        FileNotFoundError: the file is not there.
        InputError: it is damaged, or belongs to another mesh.
    """

    def parse(document: Any) -> Int64:
        return np.array(document["segIndices"], np.int64)

    segment_of_vertex = _read(path, parse)
    if segment_of_vertex.shape != (vertices,):
        raise InputError(
            f"{path} has {segment_of_vertex.size} segment indices, the mesh has {vertices} "
            "vertices; they belong to different versions, download the scene again"
        )
    return SegmentRows(segment_of_vertex)


def read_groups(path: Path, *, id_key: str) -> list[SegmentGroup]:
    """Read "segGroups", the annotated objects.

    Args:
        path: JSON file.
        id_key: name of the object's id, "id" or "objectId".

    Raises:
        FileNotFoundError: the file is not there.
        InputError: it is damaged.
    """

    def parse(document: Any) -> list[SegmentGroup]:
        return [
            SegmentGroup(
                int(group[id_key]), str(group["label"]), list(map(int, group["segments"]))
            )
            for group in document["segGroups"]
        ]

    return _read(path, parse)


def rows_of_groups(
    groups: Sequence[SegmentGroup], segments: SegmentRows
) -> Iterator[tuple[SegmentGroup, Int64]]:
    """Groups that have vertices, each with the (K,) rows of these."""
    for group in groups:
        rows = segments.of(group.segments)
        if len(rows):
            yield group, rows


def _read(path: Path, parse: Callable[[Any], _T]) -> _T:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; download the scene again")
    try:
        return parse(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged or no annotation ({type(error).__name__}: {error}); "
            "download it again"
        ) from error
