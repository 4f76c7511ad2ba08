"""Furniture as meshes: each model is read from its library once and then kept as a .npz file."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.files import replacing
from seg3d_ros.synthesis.library import FurnitureModel, LibraryError
from seg3d_ros.synthesis.mesh import Array, Mesh, joined, to_linear
from seg3d_ros.synthesis.supports import Support, find_supports
from seg3d_ros.worker_pool import run_tasks

if TYPE_CHECKING:
    from PIL.Image import Image

_TEXTURE_SIZE = 128  # texels a side; more would only alias in maps of centimetres
_SEE_THROUGH = 0.5  # opacity below which a depth camera looks through, as it does with glass
_LINEAR = to_linear(np.linspace(0, 1, 256, dtype=np.float32))


def load_model(folder: Path, model: FurnitureModel, *, texture_size: int = _TEXTURE_SIZE) -> Mesh:
    """Read a model from its unpacked library at its real size.

    Args:
        folder: of the unpacked library.
        model: which.
        texture_size: larger textures are reduced to so many texels a side.

    Returns:
        Its mesh with z up and the front towards -y, standing on z = 0, centerd in x and y.

    Raises:
        LibraryError: the file holds no surface.
    """
    import trimesh

    scene: Any = trimesh.load(folder / model.path, force="scene", process=False)
    surfaces = [part for part in scene.geometry.values() if hasattr(part, "faces")]
    parts = [_part(surface, texture_size) for surface in surfaces]
    parts = [part for part in parts if len(part.mesh.faces)]
    if not parts:
        raise LibraryError(f"{model.library}: {model.path} holds no surface")
    return _sized(joined([part.mesh for part in _measurable(parts)]), model)


@dataclass(frozen=True, eq=False)
class _Part:
    """Faces of a model that share one material."""

    mesh: Mesh
    opacity: float

    def area(self) -> float:
        a, b, c = self.mesh.vertices[self.mesh.faces].transpose(1, 0, 2)
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def _measurable(parts: list[_Part]) -> list[_Part]:
    """Parts that a depth camera sees: no panes, but things that are mostly glass stay whole."""
    opaque = [part for part in parts if part.opacity >= _SEE_THROUGH]
    mostly_glass = sum(map(_Part.area, opaque)) < sum(map(_Part.area, parts)) / 2
    return parts if mostly_glass else opaque


def _part(geometry: Any, texture_size: int) -> _Part:
    faces = np.asarray(geometry.faces, np.int32)
    vertices = np.asarray(geometry.vertices, np.float32)
    material = getattr(geometry.visual, "material", None)
    uv = getattr(geometry.visual, "uv", None)
    image = getattr(material, "image", None)
    if image is None or uv is None:
        rgb = np.full(3, 160, np.uint8) if material is None else material.diffuse[:3]
        texture = _LINEAR[np.asarray([[[*rgb, 255]]], np.uint8)]
        corners = np.zeros((len(faces), 3, 2), np.float32)
    else:
        # The texture stands alone: most files have a dark or meaningless Kd beside it.
        texture, corners = _texture(image, texture_size), np.asarray(uv, np.float32)[faces]
    opacity = float(getattr(material, "kwargs", {}).get("d", [1.0])[0])
    mesh = Mesh(vertices, faces, corners, np.zeros(len(faces), np.int32), [texture])
    return _Part(mesh, opacity)


def _texture(image: Image, size: int) -> Array:
    image = image.convert("RGBA")
    image.thumbnail((size, size))
    return _decoded(np.asarray(image))


def _decoded(texels: NDArray[np.uint8]) -> Array:
    """(..., 4) sRGB and opacity as bytes -> linear RGB and opacity."""
    linear = _LINEAR[texels]
    linear[..., 3] = texels[..., 3] / np.float32(255)
    return linear


def _sized(mesh: Mesh, model: FurnitureModel) -> Mesh:
    vertices = mesh.vertices @ np.reshape(model.rotation, (3, 3)).T
    used = vertices[np.unique(mesh.faces)]
    low, high = used.min(axis=0), used.max(axis=0)
    size = np.array([model.width, model.height, model.depth])  # in the file's frame, y up
    vertices = (vertices - (low + high) / 2) / np.maximum(high - low, 1e-9) * size
    x, y, z = vertices.T
    standing = np.stack([x, -z, y + model.height / 2], axis=1)
    return replace(mesh, vertices=standing.astype(np.float32))


def save_mesh(path: Path, mesh: Mesh, supports: Sequence[Support] = ()) -> None:
    """Write a mesh to a .npz file, whole or not at all; colours are rounded to bytes."""
    texels = np.concatenate([texture.reshape(-1, 4) for texture in mesh.textures])
    encoded = np.concatenate([texels[:, :3] ** (1 / 2.2), texels[:, 3:]], axis=1)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            vertices=mesh.vertices,
            faces=mesh.faces,
            uv=mesh.uv,
            material=mesh.material,
            sizes=np.array([texture.shape[:2] for texture in mesh.textures], np.int32),
            texels=np.rint(encoded * 255).astype(np.uint8),
            levels=np.array([support.height for support in supports]),
            clearance=np.array([support.clearance for support in supports], np.float32),
        )


def load_mesh(path: Path) -> Mesh:
    """Read what `save_mesh` wrote."""
    with np.load(path, allow_pickle=False) as file:
        texels, sizes = _decoded(file["texels"]), file["sizes"]
        ends = np.cumsum(sizes.prod(axis=1))[:-1]
        textures = [
            part.reshape(*size, 4)
            for part, size in zip(np.split(texels, ends), sizes, strict=True)
        ]
        return Mesh(file["vertices"], file["faces"], file["uv"], file["material"], textures)


def load_supports(path: Path) -> tuple[Support, ...]:
    """Read the supports that `save_mesh` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return tuple(map(Support, file["levels"].tolist(), file["clearance"]))


class BakedModels:
    """Meshes of furniture by the models' keys, from a folder of .npz files."""

    def __init__(self, folder: Path) -> None:
        """Use a folder that `bake` has filled."""
        self._folder = folder
        self._supports: dict[str, tuple[Support, ...]] = {}

    def load(self, key: str) -> Mesh:
        """The mesh of a model, read from disk (milliseconds).

        Raises:
            LibraryError: it was never baked.
        """
        return load_mesh(self._existing(key))

    def supports(self, key: str) -> tuple[Support, ...]:
        """Supports of a model; kept in memory from the first time on.

        Raises:
            LibraryError: it was never baked.
        """
        if key not in self._supports:
            self._supports[key] = load_supports(self._existing(key))
        return self._supports[key]

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise LibraryError(f"{key!r} is not among the baked models in {self._folder}")
        return path

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"


def bake(
    libraries: Iterable[Path],
    models: Mapping[str, FurnitureModel],
    folder: Path,
    *,
    workers: int = 2,
) -> BakedModels:
    """Fill a folder with the meshes of models; those that are there already are kept.

    Args:
        libraries: .sh3f files.
        models: what is wanted of them, by key.
        folder: where the .npz files go.
        workers: processes to share the work; 1 works in this one.

    Raises:
        LibraryError: a model holds no surface.
    """
    baked = BakedModels(folder)
    missing = [model for key, model in models.items() if key not in baked]
    paths = {path.stem: path for path in libraries}
    jobs = [
        (
            paths[stem],
            [model for model in missing if model.library == stem][start::workers],
            folder,
        )
        for stem in sorted({model.library for model in missing})
        for start in range(workers)
    ]
    if workers == 1:
        for job in jobs:
            _bake_some(job)
        return baked
    for (library, *_), failure in run_tasks(_bake_some, jobs, workers=workers):
        if failure:
            raise LibraryError(f"{library}: {failure}")
    return baked


def _bake_some(job: tuple[Path, list[FurnitureModel], Path]) -> None:
    library, models, folder = job
    with tempfile.TemporaryDirectory() as directory, zipfile.ZipFile(library) as archive:
        folders = {model.key for model in models}
        wanted = [name for name in archive.namelist() if name.rpartition("/")[0] in folders]
        archive.extractall(directory, wanted)
        for model in models:
            mesh = load_model(Path(directory), model)
            supports = find_supports(mesh) if model.surface is not None else ()
            save_mesh(folder / f"{model.key}.npz", mesh, supports)
