"""Pictures of textures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from seg3d_ros.scene import UInt8


def read_picture(path: Path) -> UInt8 | None:
    """(H, W, 3) uint8 RGB of a picture; None where it is missing or damaged."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
