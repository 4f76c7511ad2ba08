"""Names of the furniture: canonical names, their synonyms, their places in a room.

names.tsv lists the names, models.tsv which models of the libraries carry them. Models that no
person would look for indoors, composites of several things, and what is too small to show in
maps of centimetres (thinner than 2 cm, narrower than 5 cm, shorter than 8 cm) are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, cast, get_args

from seg3d_ros.errors import InputError
from seg3d_ros.synthesis.library import FurnitureModel

Place = Literal["floor", "wall", "middle", "rug", "top", "hung", "window", "ceiling"]
STRUCTURE = ("wall", "floor", "ceiling", "door", "window")


@dataclass(frozen=True)
class Name:
    """A canonical name.

    Attributes:
        name: in the singular as a person says it.
        themes: rooms it is typical of.
        held_out_beside: a seen name it is related to, if it is never trained on; else "".
        synonyms: what else a person may call it.
    """

    name: str
    themes: frozenset[str]
    held_out_beside: str
    synonyms: tuple[str, ...]


@dataclass(frozen=True)
class Furnishing:
    """A model that rooms are furnished with.

    Attributes:
        model: the entry of its library.
        name: its canonical name.
        place: where it goes: anywhere on the floor, along a wall, in the middle of the room,
            flat on the floor under other things (rug), on top of other things, hung on a wall,
            before a window, on the ceiling.
    """

    model: FurnitureModel
    name: str
    place: Place


@cache
def names() -> dict[str, Name]:
    """All canonical names in alphabetical order, the structure of a room last."""
    return {
        row["name"]: Name(
            row["name"],
            frozenset(row["themes"].split()),
            row["held_out_beside"],
            tuple(row["synonyms"].split("|")),
        )
        for row in _rows("names.tsv")
    }


def furnishings(models: Mapping[str, FurnitureModel]) -> list[Furnishing]:
    """Those of a library's models that have a name, in the order of models.tsv."""
    return [
        Furnishing(models[row["model"]], row["name"], _place(row["place"]))
        for row in _rows("models.tsv")
        if row["model"] in models
    ]


def _place(text: str) -> Place:
    if text not in get_args(Place):
        raise InputError(f"models.tsv: no such place: {text!r}")
    return cast("Place", text)


def _rows(table: str) -> Iterator[dict[str, str]]:
    path = resources.files("seg3d_ros.synthesis") / table
    lines = path.read_text(encoding="utf-8").splitlines()
    yield from csv.DictReader(lines, delimiter="\t")
