"""Models of a Sweet Home 3D furniture library (.sh3f: a zip of a catalogue, OBJ, MTL, images)."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from demo_room.mesh import Array, Mesh

_MAX_TEXTURE = 512  # texels a side; more would only alias
_SEE_THROUGH = 0.5  # opacity below which a depth camera looks through, as it does with glass


@dataclass(frozen=True)
class Model:
    """An entry of the catalogue; sizes in metres."""

    id: str
    name: str
    creator: str
    path: str
    width: float
    depth: float
    height: float
    rotation: tuple[float, ...]


class Library:
    """A furniture library, unpacked to a temporary directory while it is open."""

    def __init__(self, path: Path) -> None:
        self._directory = tempfile.TemporaryDirectory()
        with zipfile.ZipFile(path) as archive:
            archive.extractall(self._directory.name)
        catalogue = Path(self._directory.name) / "PluginFurnitureCatalog.properties"
        self.models = _read_catalogue(catalogue.read_text(encoding="latin-1"))

    def load(self, model_id: str) -> Mesh:
        """Read a model at its real size: z up, front towards -y, standing on z = 0, centred."""
        model = self.models[model_id]
        path = Path(self._directory.name) / model.path.lstrip("/")
        scene: Any = trimesh.load(path, force="scene", process=False)
        parts = [_part(part) for part in scene.geometry.values()]
        parts = [part for part in parts if part is not None]
        return _sized(_joined(parts), model)

    def close(self) -> None:
        """Remove the unpacked files."""
        self._directory.cleanup()


def _read_catalogue(text: str) -> dict[str, Model]:
    entries: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        name, _, number = key.strip().partition("#")
        if number.isdigit():
            entries.setdefault(number, {})[name] = value.strip()
    return {
        entry["model"].split("/")[-2]: Model(
            id=entry["id"],
            name=entry["name"],
            creator=entry.get("creator", ""),
            path=entry["model"],
            width=float(entry["width"]) / 100,
            depth=float(entry["depth"]) / 100,
            height=float(entry["height"]) / 100,
            rotation=tuple(map(float, entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split())),
        )
        for entry in entries.values()
        if "model" in entry
    }


def _part(geometry: Any) -> Mesh | None:
    """One material of a model; None for see-through ones."""
    material = geometry.visual.material
    if float(material.kwargs.get("d", [1.0])[0]) < _SEE_THROUGH:
        return None
    faces = np.asarray(geometry.faces, np.int32)
    uv = geometry.visual.uv
    if material.image is None or uv is None:
        rgb = np.asarray(material.diffuse[:3], np.float32) / 255
        texture, corners = rgb.reshape(1, 1, 3), np.zeros((len(faces), 3, 2), np.float32)
    else:
        image = material.image.convert("RGB")
        image.thumbnail((_MAX_TEXTURE, _MAX_TEXTURE))
        texture = np.asarray(image, np.float32) / 255
        corners = np.asarray(uv, np.float32)[faces]
    vertices = np.asarray(geometry.vertices, np.float32)
    return Mesh(vertices, faces, corners, np.zeros(len(faces), np.int32), [to_linear(texture)])


def to_linear(encoded: Array) -> Array:
    """Turn sRGB values in [0, 1] to linear light; the exponent 2.2 is near enough."""
    return np.asarray(encoded**2.2, np.float32)


def _joined(parts: list[Mesh]) -> Mesh:
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])[:-1]
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate(
            [part.faces + start for part, start in zip(parts, starts, strict=True)], dtype=np.int32
        ),
        np.concatenate([part.uv for part in parts]),
        np.concatenate([part.material + number for number, part in enumerate(parts)]),
        [texture for part in parts for texture in part.textures],
    )


def _sized(mesh: Mesh, model: Model) -> Mesh:
    vertices = mesh.vertices @ np.reshape(model.rotation, (3, 3)).T
    used = vertices[np.unique(mesh.faces)]
    low, high = used.min(axis=0), used.max(axis=0)
    # The catalogue's sizes are along the model's x (width), z (depth) and y (height).
    size = np.array([model.width, model.height, model.depth])
    vertices = (vertices - (low + high) / 2) / np.maximum(high - low, 1e-9) * size
    standing = np.stack(
        [vertices[:, 0], -vertices[:, 2], vertices[:, 1] + model.height / 2], axis=1
    )
    return Mesh(standing.astype(np.float32), mesh.faces, mesh.uv, mesh.material, mesh.textures)
