"""Names taught by hand: prototypes that follow their examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.prototype_archive import pack_prototypes, unpack_prototypes
from seg3d_ros.objects.prototypes import Prototype, learn_named
from seg3d_ros.text.labels import fold


class TaughtNames:
    """Prototypes in force. Its owner holds a lock.

    A prototype outlives its examples, but for those that a person renames. One that is forgotten
    is learnt anew when its name is given once more.

    Attributes:
        prototypes: by name.
    """

    def __init__(self) -> None:
        self.prototypes: tuple[Prototype, ...] = ()
        self._forgotten: set[str] = set()  # folded names

    def relearn(self, objects: Iterable[MapObject], *, renamed: Iterable[str] = ()) -> None:
        """Learn from the objects that have names.

        Args:
            objects: known ones.
            renamed: names that a person just gave or took; their prototypes end with too few
                examples.
        """
        touched = {fold(name) for name in renamed}
        kept = {fold(one.name): one for one in self.prototypes if fold(one.name) not in touched}
        learnt = {fold(one.name): one for one in learn_named(objects, self._forgotten)}
        self.prototypes = tuple(one for _, one in sorted({**kept, **learnt}.items()))

    def allow(self, name: str) -> None:
        """Let a name be learnt that was forgotten."""
        self._forgotten.discard(fold(name))

    def forget(self, name: str) -> None:
        """End a prototype; its examples keep their name.

        Raises:
            InputError: there is none of this name.
        """
        left = tuple(one for one in self.prototypes if fold(one.name) != fold(name))
        if len(left) == len(self.prototypes):
            taught = ", ".join(one.name for one in self.prototypes) or "none"
            raise InputError(f"no name {name!r} was taught; those that were: {taught}")
        self.prototypes = left
        self._forgotten.add(fold(name))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Flat arrays for a map file."""
        return pack_prototypes(self.prototypes, self._forgotten)

    def load_arrays(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Replace all by those of `to_arrays`.

        Raises:
            InputError: the arrays are damaged; all stays as it was.
        """
        prototypes, forgotten = unpack_prototypes(arrays)
        self.prototypes, self._forgotten = tuple(prototypes), forgotten
