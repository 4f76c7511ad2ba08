"""The demo room's furniture, from one library, with large textures."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from seg3d_ros.synthesis.library import read_library
from seg3d_ros.synthesis.mesh import Mesh
from seg3d_ros.synthesis.mesh_cache import load_model

_FOLDER = "blendswap-cc-0"
_TEXTURE_SIZE = 512  # texels a side


class Library:
    """The library BlendSwap-CC-0, unpacked to a temporary directory while it is open."""

    def __init__(self, path: Path) -> None:
        self._directory = tempfile.TemporaryDirectory()
        with zipfile.ZipFile(path) as archive:
            archive.extractall(self._directory.name)
        self.models = {
            model.key.removeprefix(f"{_FOLDER}/"): model for model in read_library(path)
        }

    def load(self, name: str) -> Mesh:
        """Read a model at its real size: z up, front towards -y, standing on z = 0, centerd."""
        folder = Path(self._directory.name)
        return load_model(folder, self.models[name], texture_size=_TEXTURE_SIZE)

    def close(self) -> None:
        """Remove the unpacked files."""
        self._directory.cleanup()
