"""Labelled points as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seg3d_ros.files import replacing
from seg3d_ros.pictures.export import FinerPoints, write_points_ply
from seg3d_ros.pictures.id_colors import colors_of_classes
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.segmenter import SemanticLabels


def write_semantic(
    folder: Path, scene: Scene, found: SemanticLabels, finer: FinerPoints | None = None
) -> None:
    """Write semantic.ply, a colour and a class_id a point, and semantic.json with their names.

    Args:
        folder: where to; older files of these names are replaced.
        scene: its points are the vertices.
        found: their classes; class_id is one more than the row of the name, 0 where nothing is
            known.
        finer: points that the scene was made of, to be the vertices in place of its own.
    """
    points, ids = scene.points, found.labels + 1
    if finer is not None:
        points, ids = finer.points, ids[finer.rows]
    path = folder / "semantic.ply"
    write_points_ply(
        path, points, colors_of_classes(ids), ids, id_name="class_id", origin=scene.origin
    )
    counts = np.bincount(ids, minlength=len(found.names) + 1)
    classes = [
        {"class_id": number, "label": name, "points": int(counts[number])}
        for number, name in enumerate(found.names, 1)
    ]
    with replacing(folder / "semantic.json") as temporary:
        temporary.write_text(json.dumps({"classes": classes}, indent=1) + "\n", encoding="utf-8")
