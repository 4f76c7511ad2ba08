"""Pictures of textures."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from seg3d_ros.scene import UInt8


@dataclass
class PictureShelf:
    """Pictures that a file refers to, each read once.

    Attributes:
        pictures: (H, W, 3) uint8 RGB each.
        notes: sentences on those that cannot be read.
    """

    pictures: list[UInt8] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def add_file(self, folder: Path, name: str) -> int:
        """Number of the picture `name` in a folder; -1 where it is missing or damaged."""
        if name not in self._numbers:
            paths = [folder / name, folder / name.replace("\\", "/")]
            paths.append(folder / paths[-1].name)  # paths of another machine
            found = next((path for path in paths if name and path.is_file()), None)
            self._numbers[name] = -1 if found is None else self._add(found)
            if self._numbers[name] < 0:
                self.notes.append(f"the picture {name!r} of a texture is missing or damaged")
        return self._numbers[name]

    def add_bytes(self, name: str, data: bytes) -> int:
        """Number of a picture inside the file; -1 where it is damaged."""
        if name not in self._numbers:
            self._numbers[name] = self._add(BytesIO(data))
            if self._numbers[name] < 0:
                self.notes.append(f"{name} of a texture is damaged or of an unknown kind")
        return self._numbers[name]

    def _add(self, source: Path | IO[bytes]) -> int:
        try:
            with Image.open(source) as image:
                picture = np.asarray(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return -1
        self.pictures.append(picture)
        return len(self.pictures) - 1
