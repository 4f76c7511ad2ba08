"""Report on a map that was loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seg3d_ros.objects.map_meta import MapMeta
from seg3d_ros.objects.map_object import UNLABELLED, MapObject
from seg3d_ros.scene import Float64


class LoadReport(NamedTuple):
    """Result of a load.

    Attributes:
        objects, voxels: their numbers.
        remarks: sentences about what does not fit.
        map_from_file: (4, 4) float64 that moved the file's map; None: it was not moved.
    """

    objects: int
    voxels: int
    remarks: tuple[str, ...] = ()
    map_from_file: Float64 | None = None


def load_remarks(
    meta: MapMeta, objects: Sequence[MapObject], *, fixed_frame: str, space: str
) -> tuple[str, ...]:
    """Sentences about what a loaded map does not say, or says for another model.

    Args:
        meta: of the map.
        objects: in it.
        fixed_frame: of those who load it; empty: unknown.
        space: of the embeddings that can be named; empty: none can.
    """
    remarks = []
    if fixed_frame and not meta.fixed_frame:
        remarks.append(
            f"the map does not say its fixed frame, which is taken to be {fixed_frame!r}; "
            "save it again, and it will"
        )
    foreign = [found for found in objects if found.embeddings and space not in found.embeddings]
    if foreign:
        others = ", ".join(sorted({name for found in foreign for name in found.embeddings}))
        remarks.append(
            f"{len(foreign)} of {len(objects)} objects have embeddings of {others}, which the "
            f"words of this model{f' ({space})' if space else ''} cannot name: without a name of "
            f"their own they are called {UNLABELLED!r} until they are segmented again"
        )
    return tuple(remarks)
