"""Results as files: a painted point cloud (PLY) and a list of objects (JSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.files import replacing
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.id_colors import NO_OBJECT, colors_of_ids, object_ids
from seg3d_ros.scene import Float32, Float64, Int64, Scene

_BACKGROUND = (150, 150, 150)
_PLY_TYPES = {"<f4": "float", "<f8": "double", "|u1": "uchar", "<u4": "uint"}


@dataclass(frozen=True, eq=False)
class FinerPoints:
    """The points of a file that became the voxels of a scene.

    Attributes:
        points: (P, 3) float32, local coordinates of the scene, metres.
        rows: (P,) int64 row in the scene of each point's voxel.
    """

    points: Float32
    rows: Int64


def write_instances_ply(
    path: Path, scene: Scene, objects: Sequence[MapObject], *, finer: FinerPoints | None = None
) -> None:
    """Write the scene as a binary PLY: each object in its palette colour, the rest grey.

    A vertex is x, y, z (metres, map frame), red, green, blue, instance_id (0: no object). The
    positions of a scene with an origin are of type double.

    Args:
        path: file to write; an older one is replaced at once.
        scene: its points are the vertices.
        objects: found in this scene.
        finer: points that the scene was made of, to be the vertices in place of its own.
    """
    points, ids = scene.points, object_ids(scene, objects)
    if finer is not None:
        points, ids = finer.points, ids[finer.rows]
    colors = np.where((ids == NO_OBJECT)[:, None], _BACKGROUND, colors_of_ids(ids))
    write_points_ply(path, points, colors, ids, origin=scene.origin)


def write_points_ply(
    path: Path,
    points: Float32,
    colors: npt.NDArray[Any],
    ids: npt.NDArray[np.integer],
    *,
    id_name: str = "instance_id",
    origin: Float64,
) -> None:
    """Write coloured points with an integer each as a binary PLY.

    Args:
        path: file to write; an older one is replaced at once.
        points: (P, 3) local coordinates, metres.
        colors: (P, 3) RGB, 0 to 255.
        ids: (P,) from 0 upwards.
        id_name: of the property that holds them.
        origin: (3,) of the local coordinates; positions are of type double unless it is zero.
    """
    position = "<f8" if origin.any() else "<f4"
    vertices = np.empty(len(points), _vertex(position, id_name))
    in_map = points + origin
    for axis, name in enumerate("xyz"):
        vertices[name] = in_map[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = colors[:, channel]
    vertices[id_name] = ids
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_ply_header(vertices).encode("ascii"))
        file.write(vertices.tobytes())


def _vertex(position: str, id_name: str) -> np.dtype[Any]:
    """Record of a vertex whose coordinates have this type."""
    return np.dtype(
        [
            ("x", position), ("y", position), ("z", position),
            ("red", "u1"), ("green", "u1"), ("blue", "u1"),
            (id_name, "<u4"),
        ]
    )  # fmt: skip


def _ply_header(vertices: np.ndarray[Any, np.dtype[np.void]]) -> str:
    record = vertices.dtype
    properties = [f"property {_PLY_TYPES[record[name].str]} {name}" for name in record.names or ()]
    lines = ["ply", "format binary_little_endian 1.0", "comment metres, z up"]
    return "\n".join([*lines, f"element vertex {len(vertices)}", *properties, "end_header", ""])


def write_objects_json(
    path: Path,
    objects: Sequence[MapObject],
    *,
    frame: str,
    model: str,
    pictures: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Write what is known about each object.

    Args:
        path: file to write; an older one is replaced at once.
        objects: in the order they shall have.
        frame: name of the frame that positions are given in.
        model: segmenter that found them.
        pictures: files by object id, relative to this one.
    """
    document = {
        "frame": frame,
        "model": model,
        "units": {"length": "metre", "angle": "radian", "time": "nanosecond"},
        "objects": [
            _described(item) | {"pictures": list(pictures.get(item.id, ()))} for item in objects
        ],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _described(item: MapObject) -> dict[str, Any]:
    return {
        "id": item.id,
        "label": item.label,
        "score": round(float(item.score), 4),
        "candidates": [
            {"label": label, "probability": round(float(probability), 4)}
            for label, probability in item.candidates
        ],
        "centroid": _rounded(item.centroid),
        "box": {
            "center": _rounded(item.box.center),
            "size": _rounded(item.box.size),
            "yaw": round(float(item.box.yaw), 4),
        },
        "voxels": len(item.element_ids),
        "first_seen": int(item.first_seen_ns),
        "last_seen": int(item.last_seen_ns),
    }


def _rounded(vector: Any) -> list[float]:
    return [round(float(value), 4) for value in vector]
