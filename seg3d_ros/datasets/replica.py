"""Replica: eighteen reconstructed rooms and flats with the 51 classes that are evaluated on it.

J. Straub et al., "The Replica Dataset: A Digital Replica of Indoor Spaces", 2019. As downloaded:

    <scene>/habitat/mesh_semantic.ply     mesh of quadrangles with their object_id
                    info_semantic.json    objects: id and class_name

The eight scenes that papers evaluate are the split "val", the others "train".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.datasets.raw_dataset import RawScene, SceneList
from seg3d_ros.datasets.scanned_mesh import read_scanned_mesh
from seg3d_ros.datasets.scene_arrays import NONE, SceneArrays
from seg3d_ros.errors import InputError
from seg3d_ros.scene import Int64
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

_EVALUATED = (
    "office_0", "office_1", "office_2", "office_3", "office_4", "room_0", "room_1", "room_2",
)  # fmt: skip
_MESH = Path("habitat", "mesh_semantic.ply")
_INFO = Path("habitat", "info_semantic.json")


@dataclass(frozen=True)
class Replica:
    """Replica as downloaded.

    Attributes:
        root: folder of the scenes.
    """

    root: Path

    name = "replica"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the 51 classes."""
        return tuple(name.lstrip("-") for name in load_vocabulary_file("replica"))

    @property
    def options(self) -> Mapping[str, Any]:
        """Choices that change the files: none."""
        return {}

    def scenes(self) -> SceneList:
        """Scenes that are there.

        Raises:
            FileNotFoundError: there are none.
        """
        found = sorted(path.parents[1] for path in self.root.glob(f"*/{_MESH}"))
        if not found:
            raise FileNotFoundError(
                f"{self.root} holds no Replica scenes: expected room_0/{_MESH}"
            )
        scenes = (
            RawScene("val" if path.name in _EVALUATED else "train", path.name, path)
            for path in found
        )
        return SceneList(tuple(scenes), {"train": 10, "val": 8})

    def read(self, scene: RawScene) -> SceneArrays:
        """Read one scene.

        Raises:
            FileNotFoundError: a file of it is missing.
            InputError: a file is damaged.
        """
        mesh = read_scanned_mesh(scene.folder / _MESH, face_property="object_id")
        assert mesh.face_labels is not None
        instance = _objects_of_vertices(len(mesh), mesh.triangles, mesh.face_labels)
        names = _names_of_objects(scene.folder / _INFO)
        numbers = {name: i for i, name in enumerate(self.class_names)}
        ids, inverse = np.unique(instance, return_inverse=True)
        classes = [numbers.get(names.get(int(value), ""), NONE) for value in ids]
        return mesh.labelled({"segment": np.array(classes)[inverse], "instance": instance})


def _objects_of_vertices(vertices: int, triangles: npt.NDArray[np.int32], objects: Int64) -> Int64:
    """(V,) object of the most triangles around each vertex, the smallest id of several; -1: none.

    Args:
        vertices: number of vertices.
        triangles: (T, 3) rows of vertices.
        objects: (T,) object of each triangle.
    """
    ids, object_of = np.unique(objects, return_inverse=True)
    pairs, counts = np.unique(
        triangles.ravel().astype(np.int64) * len(ids) + np.repeat(object_of, 3),
        return_counts=True,
    )
    vertex, number = np.divmod(pairs, max(len(ids), 1))
    order = np.lexsort((-number, counts, vertex))  # the last of each vertex is its object
    result = np.full(vertices, NONE, np.int64)
    result[vertex[order]] = ids[number[order]]
    return result


def _names_of_objects(path: Path) -> Mapping[int, str]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; download the scene again")
    try:
        objects = json.loads(path.read_bytes())["objects"]
        return {int(item["id"]): str(item["class_name"]).replace("-", " ") for item in objects}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is damaged or no list of objects ({type(error).__name__}: {error}); "
            "download it again"
        ) from error
