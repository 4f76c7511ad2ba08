"""glTF 2.0 files, .glb and .gltf: triangles and points of all nodes, materials, textures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.recordings.gltf_data import GltfData, read_gltf_data
from seg3d_ros.recordings.mesh import Mesh, check_corners, merge_meshes, without_loose
from seg3d_ros.recordings.pictures import PictureShelf
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64, Int64

_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6
_SPECULAR = "KHR_materials_pbrSpecularGlossiness"
_TRANSFORM = "KHR_texture_transform"
_DRACO = "KHR_draco_mesh_compression"
_SHAPES = ("EXT_meshopt_compression", "KHR_meshopt_compression", "EXT_mesh_gpu_instancing")
# Of a description that is free-form JSON: entries that are missing or of another type.
_DAMAGE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
_MAX_DEPTH = 1000  # of nodes in nodes


class NeedsDecoderError(RecordingError):
    """The geometry is compressed by Draco, for which a library is needed."""


def read_gltf(path: Path) -> Mesh:
    """Read a glTF file; colours of vertices, of the material and of its picture multiply.

    Raises:
        NeedsDecoderError: the geometry is compressed.
        RecordingError: it is damaged, cut off, or no glTF 2.0.
    """
    data = read_gltf_data(path)
    _check_extensions(data.json.get("extensionsRequired", []))
    reader = _Reader(data, path.parent)
    try:
        parts = [part for node, pose in _placed_nodes(data) for part in reader.mesh(node, pose)]
    except RecordingError:
        raise
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}"
        raise RecordingError(f"its description is damaged ({reason})") from error
    if not parts:
        raise RecordingError("no node of its scene holds triangles or points")
    mesh = merge_meshes(parts)
    notes = [f"{n} primitives of {kind} are not read" for kind, n in reader.skipped.items()]
    return Mesh(
        mesh.vertices, mesh.triangles, mesh.vertex_colors, mesh.triangle_colors, mesh.corner_uv,
        mesh.picture_of, tuple(reader.shelf.pictures), mesh.fields,
        (*reader.shelf.notes, *notes),
    )  # fmt: skip


def _check_extensions(required: list[str]) -> None:
    """Refuse geometry that is stored in other ways; colours may be poorer without an extension."""
    if _DRACO in required:
        raise NeedsDecoderError(f"its geometry is compressed by {_DRACO}")
    for name in required:
        if name in _SHAPES:
            raise RecordingError(
                f"its geometry needs {name}, which is not read; export without it"
            )


def _placed_nodes(data: GltfData) -> Iterator[tuple[dict[str, Any], Float64]]:
    """Nodes with a mesh and their (4, 4) poses in the scene.

    Raises:
        RecordingError: nodes are inside each other in a circle.
    """
    nodes = data.json.get("nodes", [])
    scenes = data.json.get("scenes", [])
    if scenes:
        roots = scenes[data.json.get("scene", 0)].get("nodes", [])
    else:
        children = {child for node in nodes for child in node.get("children", [])}
        roots = [i for i in range(len(nodes)) if i not in children]
    waiting = [(root, np.eye(4), 0) for root in reversed(roots)]
    while waiting:
        number, parent, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise RecordingError("its nodes are inside each other in a circle")
        node = nodes[number]
        pose = parent @ _pose(node)
        waiting += [(child, pose, depth + 1) for child in reversed(node.get("children", []))]
        if "mesh" in node:
            yield node, pose


def _pose(node: dict[str, Any]) -> Float64:
    """(4, 4) parent_from_node."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    pose = np.eye(4)
    pose[:3, :3] = rotation * np.array(node.get("scale", (1, 1, 1)), np.float64)
    pose[:3, 3] = node.get("translation", (0, 0, 0))
    return pose


@dataclass
class _Reader:
    """Turns primitives into meshes.

    Attributes:
        data: of the file.
        folder: where pictures beside the file are.
        shelf: pictures read so far.
        skipped: number of primitives that are not read, by kind.
    """

    data: GltfData
    folder: Path
    shelf: PictureShelf = field(default_factory=PictureShelf)
    skipped: Counter[str] = field(default_factory=Counter)

    def mesh(self, node: dict[str, Any], pose: Float64) -> Iterator[Mesh]:
        """The primitives of a node's mesh, in the axes of the scene."""
        for primitive in self.data.json["meshes"][node["mesh"]]["primitives"]:
            mode = primitive.get("mode", _TRIANGLES)
            attributes = primitive["attributes"]
            if mode not in (_POINTS, _TRIANGLES, _STRIP, _FAN):
                self.skipped["lines"] += 1
            elif "POSITION" not in attributes:
                self.skipped["no positions"] += 1
            else:
                yield self._primitive(primitive, attributes, mode, pose)

    def _primitive(
        self, primitive: dict[str, Any], attributes: dict[str, int], mode: int, pose: Float64
    ) -> Mesh:
        positions = self.data.accessor(attributes["POSITION"]).astype(np.float64)
        vertices = positions @ pose[:3, :3].T + pose[:3, 3]
        rows = np.arange(len(vertices))
        if "indices" in primitive:
            rows = self.data.accessor(primitive["indices"])[:, 0].astype(np.int64)
        if mode != _POINTS:
            check_corners(rows, len(vertices))
        triangles = _triangles(rows, mode)
        colors = None
        if "COLOR_0" in attributes:
            colors = self.data.accessor(attributes["COLOR_0"], shares=True)[:, :3]
            colors = colors.astype(np.float64)
        factor, texture = self._material(primitive)
        if mode == _POINTS and "material" in primitive:  # no triangle could have its colour
            colors = np.tile(factor, (len(vertices), 1)) if colors is None else colors * factor
        picture, uv = self._texture(texture, attributes, triangles)
        has_colour = "material" in primitive and (colors is None or not (factor == 1).all())
        mesh = Mesh(
            vertices,
            triangles,
            colors,
            np.tile(factor, (len(triangles), 1)) if has_colour else None,
            uv,
            np.full(len(triangles), picture),
            fields=tuple(attributes),
        )
        # Primitives share their vertices: those of the others are no points.
        return mesh if mode == _POINTS else without_loose(mesh)

    def _material(self, primitive: dict[str, Any]) -> tuple[Float64, dict[str, Any] | None]:
        """RGB factor, and the texture that it is multiplied with."""
        if "material" not in primitive:
            return np.ones(3), None
        material = self.data.json["materials"][primitive["material"]]
        specular = material.get("extensions", {}).get(_SPECULAR)
        if specular:
            factor, texture = specular.get("diffuseFactor"), specular.get("diffuseTexture")
        else:
            plain = material.get("pbrMetallicRoughness", {})
            factor, texture = plain.get("baseColorFactor"), plain.get("baseColorTexture")
        return np.array((factor or (1, 1, 1))[:3], np.float64), texture

    def _texture(
        self, texture: dict[str, Any] | None, attributes: dict[str, int], triangles: Int64
    ) -> tuple[int, Float64 | None]:
        """Number of the picture, -1 for none; and (T, 3, 2) places in it from its lower left."""
        if texture is None:
            return -1, None
        change = texture.get("extensions", {}).get(_TRANSFORM, {})
        name = f"TEXCOORD_{change.get('texCoord', texture.get('texCoord', 0))}"
        picture = self._picture(self.data.json["textures"][texture["index"]])
        if picture < 0 or name not in attributes:
            return -1, None
        uv = self.data.accessor(attributes[name], shares=True).astype(np.float64)
        turn = change.get("rotation", 0.0)
        cosine, sine = np.cos(turn), np.sin(turn)
        uv = uv * change.get("scale", (1, 1)) @ np.array([[cosine, -sine], [sine, cosine]])
        uv = (uv + change.get("offset", (0, 0))) * (1, -1) + (0, 1)  # v down in the file
        return picture, uv[triangles]

    def _picture(self, texture: dict[str, Any]) -> int:
        extended = [e["source"] for e in texture.get("extensions", {}).values() if "source" in e]
        sources = [*([texture["source"]] if "source" in texture else []), *extended]
        for number in sources:
            image = self.data.json["images"][number]
            content = self.data.image(image)
            if content is not None:
                found = self.shelf.add_bytes(f"picture {number}", content)
            else:
                found = self.shelf.add_file(self.folder, image.get("uri", ""))
            if found >= 0:
                return found
        return -1


def _triangles(rows: Int64, mode: int) -> Int64:
    """(T, 3) rows of vertices."""
    if mode == _TRIANGLES:
        return rows[: len(rows) // 3 * 3].reshape(-1, 3)
    if mode == _POINTS or len(rows) < 3:
        return np.empty((0, 3), np.int64)
    first = np.broadcast_to(rows[0], len(rows) - 2) if mode == _FAN else rows[:-2]
    return np.stack([first, rows[1:-1], rows[2:]], axis=1)
