"""A furniture library of a few small models, written by the tests themselves."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from PIL import Image

# Unit cube, corner at the origin: eight vertices, six quads, those of x = 1 and y = 1 last.
_CUBE = [f"v {x} {y} {z}" for x in (0, 1) for y in (0, 1) for z in (0, 1)]
_QUADS = ["1 2 4 3", "2 6 8 4", "1 5 6 2", "1 3 7 5", "5 7 8 6", "3 4 8 7"]

CATALOGUE = r"""
name=Tests
id#1=Tests#table
name#1=Caf\u00e9 table\: small
category#1=Living room
model#1=/tests/table/table.obj
width#1=120
depth#1=80
height#1=75
creator#1=J\u00f6rg
id#2=Tests#lamp
name#2=Lamp
model#2=/tests/lamp/lamp.obj
width#2=20
depth#2=30
height#2=50
elevation#2=140
dropOnTopElevation#2=-1
modelRotation#2=0 0 -1 0 1 0 1 0 0
creator#2=
id#3=Tests#icon
name#3=No model
"""


def write_library(path: Path, *, glass_quads: int = 2) -> Path:
    """A library with a textured table and a turned lamp with some sides of glass."""
    table = [*_CUBE, "vt 0 0", "vt 3 0", "vt 3 3", "vt 0 3", "mtllib table.mtl", "usemtl wood"]
    table += ["f " + " ".join(f"{v}/{k + 1}" for k, v in enumerate(q.split())) for q in _QUADS]
    table += ["v 90 90 90", "l 1 2"]  # not used by any face
    lamp = [
        *_CUBE,
        "mtllib lamp.mtl",
        "usemtl steel",
        *(f"f {quad}" for quad in _QUADS[:-glass_quads]),
    ]
    lamp += ["usemtl glass", *(f"f {quad}" for quad in _QUADS[-glass_quads:])]
    members = {
        "PluginFurnitureCatalog.properties": CATALOGUE.encode("latin-1"),
        "tests/table/table.obj": "\n".join(table).encode(),
        "tests/table/table.mtl": b"newmtl wood\nKd 0 0 0\nmap_Kd wood.png\n",
        "tests/table/wood.png": _png(),
        "tests/lamp/lamp.obj": "\n".join(lamp).encode(),
        "tests/lamp/lamp.mtl": b"newmtl steel\nKd 0 0 1\nnewmtl glass\nKd 1 1 1\nd 0.2\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _png() -> bytes:
    """Red, but its lower half is transparent."""
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 255))
    image.paste((255, 0, 0, 0), (0, 2, 4, 4))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
