"""Materials of OBJ files (MTL)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from seg3d_ros.recordings.pictures import PictureShelf

_OPTION_VALUES = {"-s": 3, "-o": 3, "-t": 3, "-mm": 2}  # at most; other options have one


@dataclass(frozen=True)
class Material:
    """Colour of a surface.

    Attributes:
        color: RGB in [0, 1]; NaN where the material has none.
        picture: its number on the shelf; -1 for none.
    """

    color: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    picture: int = -1


def read_materials(path: Path, shelf: PictureShelf) -> dict[str, Material]:
    """Read the diffuse colours and pictures of an MTL file, by name of the material.

    Raises:
        OSError: it cannot be read.
    """
    materials: dict[str, Material] = {}
    name = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        word, _, rest = line.strip().replace("\t", " ").partition(" ")
        if word == "newmtl":
            name = rest.strip()
            materials[name] = Material()
        elif word == "Kd" and name in materials:
            color = _color(rest.split())
            materials[name] = replace(materials[name], color=color)
        elif word.lower() == "map_kd" and name in materials:
            picture = shelf.add_file(path.parent, _file_name(rest))
            materials[name] = replace(materials[name], picture=picture)
    return materials


def _color(words: list[str]) -> tuple[float, float, float]:
    """Three numbers, or one for all; NaN for spectral curves and damage."""
    try:
        numbers = [float(word) for word in words[:3]]
    except ValueError:
        return Material().color
    red, green, blue = numbers if len(numbers) == 3 else (numbers or [math.nan])[:1] * 3
    return red, green, blue


def _file_name(text: str) -> str:
    """The name behind the options of a line like "map_Kd -s 1 1 1 wood.png"."""
    words = text.split()
    while words and words[0].startswith("-") and len(words) > 1:
        option = words.pop(0)
        for _ in range(_OPTION_VALUES.get(option, 1)):
            if len(words) > 1 and (option not in _OPTION_VALUES or _is_number(words[0])):
                words.pop(0)
    return text[text.find(words[0]) :].strip() if words else ""


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
