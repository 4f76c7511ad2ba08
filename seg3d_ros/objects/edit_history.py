"""History of edits by hand: what it takes to undo them, as the flat arrays of a map file too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.objects.archive import pack_bodies, unpack_bodies
from seg3d_ros.objects.edits import Delete, Lock, Merge, ObjectEdit, Rename, SplitOff
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Scene
from seg3d_ros.text.labels import check_text

KEPT_EDITS = 50
BODIES = "undo_body_"  # prefix of the arrays of `UndoStep.bodies`
_NAMES = tuple(kind.__name__.lower() for kind in (Rename, Delete, Merge, SplitOff, Lock))


@dataclass(frozen=True)
class Marks:
    """Marks of an object that edits change."""

    id: int
    pinned_label: str | None
    prompted: bool
    deleted: bool

    @staticmethod
    def of(known: MapObject) -> Marks:
        """Marks of an object as it is."""
        return Marks(known.id, known.pinned_label, known.prompted, known.deleted)

    def put_on(self, known: MapObject) -> MapObject:
        """Copy of an object with these marks."""
        return replace(
            known,
            pinned_label=self.pinned_label,
            prompted=self.prompted,
            deleted=self.deleted,
        )


@dataclass(frozen=True, eq=False)
class UndoStep:
    """Edit that can be taken back.

    Attributes:
        name: of the edit.
        marks: of its objects before.
        bodies: the objects before, where it gave voxels of one to another; else none.
        made: id of the object that it made; 0: none.
    """

    name: str
    marks: tuple[Marks, ...]
    bodies: tuple[MapObject, ...] = ()
    made: int = 0

    @staticmethod
    def of(edit: ObjectEdit, before: tuple[MapObject, ...], made: int) -> UndoStep:
        """Step back from an edit of objects, given as they were before."""
        bodies = before if isinstance(edit, Merge | SplitOff) else ()
        name = type(edit).__name__.lower()
        return UndoStep(name, tuple(map(Marks.of, before)), bodies, made)


def pack_history(steps: Sequence[UndoStep]) -> dict[str, npt.NDArray[Any]]:
    """Flatten steps into arrays without pickled parts."""
    marks = [(row, one) for row, step in enumerate(steps) for one in step.marks]
    bodies = [(row, body) for row, step in enumerate(steps) for body in step.bodies]
    packed = pack_bodies([body for _, body in bodies])
    return {
        "undo_name": np.array([step.name for step in steps], np.str_),
        "undo_made": np.array([step.made for step in steps], np.int64),
        "undo_mark_step": np.array([row for row, _ in marks], np.int64),
        "undo_mark_id": np.array([one.id for _, one in marks], np.int64),
        "undo_mark_label": np.array([one.pinned_label or "" for _, one in marks], np.str_),
        "undo_mark_prompted": np.array([one.prompted for _, one in marks], np.bool_),
        "undo_mark_deleted": np.array([one.deleted for _, one in marks], np.bool_),
        f"{BODIES}step": np.array([row for row, _ in bodies], np.int64),
        **{BODIES + name: array for name, array in packed.items()},
    }


def unpack_history(arrays: Mapping[str, npt.NDArray[Any]], scene: Scene) -> list[UndoStep]:
    """Rebuild the steps of `pack_history`; none where a file has none. Trusts nothing.

    Args:
        arrays: of the objects.
        scene: the whole map they came with; bodies without a voxel in it are left out.

    Raises:
        InputError: the arrays do not fit each other, or their values are impossible.
    """
    if "undo_name" not in arrays:
        return []
    try:
        steps = [
            UndoStep(str(name), (), (), int(made))
            for name, made in zip(arrays["undo_name"], arrays["undo_made"], strict=True)
        ]
        columns = ("step", "id", "label", "prompted", "deleted")
        rows = zip(*(arrays[f"undo_mark_{name}"].tolist() for name in columns), strict=True)
        for row, number, label, prompted, deleted in rows:
            label = check_text(label, "a name before an edit") if label else None
            mark = Marks(int(number), label, bool(prompted), bool(deleted))
            steps[row] = replace(steps[row], marks=(*steps[row].marks, mark))
        bodies = unpack_bodies(_bodies(arrays), scene)
        for row, body in zip(arrays[f"{BODIES}step"].tolist(), bodies, strict=True):
            if body is not None:
                steps[row] = replace(steps[row], bodies=(*steps[row].bodies, body))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"the stored edits are damaged: {error!r}") from error
    if not all(map(_makes_sense, steps)):
        raise InputError("the stored edits are damaged: an edit makes no sense")
    # What was split off a body that is gone is not put back to anything.
    kept = [step if step.bodies else replace(step, made=0) for step in steps]
    return kept[-KEPT_EDITS:]


def _bodies(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {
        name.removeprefix(BODIES): array
        for name, array in arrays.items()
        if name.startswith(BODIES)
    }


def _makes_sense(step: UndoStep) -> bool:
    ids = [mark.id for mark in step.marks]
    bodies = [body.id for body in step.bodies]
    distinct = len({*ids}) == len(ids) and len({*bodies}) == len(bodies)
    known = {*bodies} <= {*ids} and min([*ids, 1]) >= 1 and step.made >= 0
    return step.name in _NAMES and bool(ids) and distinct and known
