"""Edits of objects by hand: what a person can ask for."""

from __future__ import annotations

from dataclasses import dataclass

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Bool, Float64, Int64
from seg3d_ros.text.labels import check_text


@dataclass(frozen=True)
class Rename:
    """New name of an object; empty: the vocabulary names it again.

    Raises:
        InputError: the name is no printable text.
    """

    id: int
    name: str

    def __post_init__(self) -> None:
        if self.name:
            check_text(self.name, "the object's name")


@dataclass(frozen=True)
class Delete:
    """Objects that are none, or that nobody wants to see; automatic passes leave them deleted."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class Merge:
    """Objects that are one; the first keeps its id and its name, and is locked.

    Raises:
        InputError: fewer than two, or one twice.
    """

    ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.ids) < 2 or len(set(self.ids)) < len(self.ids):
            raise InputError(f"cannot merge {list(self.ids)}; give two or more different ids")


@dataclass(frozen=True, eq=False)
class Split:
    """Part of an object that is one of its own, shown by clicks.

    Attributes:
        id: of the object.
        points: (K, 3) float64 clicks, map frame, metres.
        foreground: (K,) True on the part, False on what stays; at least one is True.
        name: of the part; empty: the vocabulary names it.
    """

    id: int
    points: Float64
    foreground: Bool
    name: str = ""


@dataclass(frozen=True, eq=False)
class SplitOff:
    """Elements of an object that become one of their own; both are locked.

    Attributes:
        id: of the object.
        element_ids: (K,) int64, some of its elements; others are ignored.
        name: of the part; empty: the vocabulary names it.
    """

    id: int
    element_ids: Int64
    name: str = ""

    def __post_init__(self) -> None:
        if self.name:
            check_text(self.name, "the object's name")


@dataclass(frozen=True)
class Lock:
    """Objects whose voxels automatic passes leave alone; `locked` False: do so no more."""

    ids: tuple[int, ...]
    locked: bool = True


@dataclass(frozen=True)
class ForgetName:
    """Name that was taught by giving it to several objects; others are no longer called so.

    The examples keep it. Not undone by `Undo`: giving the name to an object teaches it again.
    """

    name: str


@dataclass(frozen=True)
class Undo:
    """The newest edit that has not been undone is taken back."""


ObjectEdit = Rename | Delete | Merge | SplitOff | Lock | Undo
MapEdit = ObjectEdit | ForgetName
Edit = MapEdit | Split
