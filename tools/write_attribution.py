#!/usr/bin/env python3
"""Writer of seg3d_ros/synthesis/ATTRIBUTION.md: authors of the furniture models.

usage: tools/write_attribution.py FURNITURE   (a folder with the .sh3f libraries)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from seg3d_ros.synthesis.library import FurnitureModel, find_libraries, read_libraries
from seg3d_ros.synthesis.names import furnishings

_OUTPUT = Path(__file__).parents[1] / "seg3d_ros" / "synthesis" / "ATTRIBUTION.md"
_INTRODUCTION = """\
# Furniture

The rooms that `seg3d synthesize` makes, and with them the weights of `mini`, use these models of
the furniture libraries of Sweet Home 3D (Debian's package `sweethome3d-furniture`, version 1.8).
None of them is part of this repository. They are changed: sized as in the catalogue, their
textures reduced, panes of glass left out. Names are those of the libraries' folders.

Written by tools/write_attribution.py.
"""
_LIBRARIES = {
    "BlendSwap-CC-0": (
        "Blend Swap, public domain",
        "[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/); "
        "authors on blendswap.com, named without obligation.",
    ),
    "BlendSwap-CC-BY": (
        "Blend Swap",
        "[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/); authors on blendswap.com.",
    ),
    "KatorLegaz": (
        "Kator Legaz",
        "[CC BY 3.0 US](https://creativecommons.org/licenses/by/3.0/us/); "
        "© Andrew Kator & Jennifer Legaz.",
    ),
    "Scopia": (
        "Scopia",
        "[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/); © 2014-2020 Emmanuel Puybaret "
        "/ eTeks (info@eteks.com) and Scopia Visual Interfaces Systems, s.l. (www.scopia.es).",
    ),
}


def main() -> None:
    """Write the file for the models that have a name."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    items = furnishings(read_libraries(find_libraries(Path(sys.argv[1]))))
    models = sorted((item.model for item in items), key=lambda m: (m.library, m.creator.lower()))
    parts = [_INTRODUCTION]
    for library, of_library in groupby(models, key=lambda model: model.library):
        title, licence = _LIBRARIES[library]
        parts.append(f"\n## {title}\n\n{licence}\n\n" + _list(of_library))
    _OUTPUT.write_text("".join(parts), encoding="utf-8")
    print(f"{_OUTPUT}: {len(models)} models")


def _list(models: Iterable[FurnitureModel]) -> str:
    """A line for each creator."""
    lines = ""
    for creator, of_creator in groupby(models, key=lambda model: model.creator):
        names = sorted(model.key.rpartition("/")[2] for model in of_creator)
        lines += f"- {creator or 'unknown'}: {', '.join(names)}\n"
    return lines


if __name__ == "__main__":
    main()
