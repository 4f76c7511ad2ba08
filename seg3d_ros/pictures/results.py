"""The result of a run: files and a table, the same from the command line and over ROS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seg3d_ros.files import replacing, replacing_folder
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.export import (
    FinerPoints,
    write_instances_ply,
    write_objects_json,
)
from seg3d_ros.pictures.object_picture import ObjectPicture
from seg3d_ros.pictures.objects_page import write_objects_page
from seg3d_ros.pictures.picture import render_view
from seg3d_ros.scene import Scene

FILES = {
    "view.png": "the scene, and beside it the objects found in it",
    "objects.html": "every object: its pictures, name, candidates, box",
    "objects.json": "every object: label, score, box, times",
    "instances.ply": "the points, each object in its own colour",
    "timings.json": "how long each step took, and what became of each frame",
}
_PICTURES = "object_pictures"  # folder beside those files
_HEADINGS = ("id", "label", "score", "center x, y, z [m]", "size x, y, z [m]", "points")
_LEFT = {"label"}  # columns of text; numbers stand to the right


@dataclass(frozen=True, eq=False)
class Results:
    """Results of a run.

    Attributes:
        scene: the map at the end.
        objects: the objects in it.
        model: segmenter that found them.
        timings: durations and counts, ready for JSON.
        finer: points of a file that the scene was made of; None where there was none.
        pictures: of objects by id, best first; none of those that no picture shows.
    """

    scene: Scene
    objects: Sequence[MapObject]
    model: str
    timings: dict[str, Any]
    finer: FinerPoints | None = None
    pictures: Mapping[int, Sequence[ObjectPicture]] = field(default_factory=dict)


def write_results(folder: Path, results: Results, *, frame: str = "map") -> None:
    """Write FILES into a folder, which is made if need be, and a folder of pictures beside them.

    Args:
        folder: where to; older files of these names are replaced.
        results: what to write.
        frame: name of the frame that positions are given in.
    """
    files = _write_pictures(folder / _PICTURES, results.pictures)
    write_objects_json(
        folder / "objects.json", results.objects, frame=frame, model=results.model, pictures=files
    )
    title = f"{len(results.objects)} objects found by {results.model}"
    write_objects_page(folder / "objects.html", results.objects, files, title=title)
    write_instances_ply(
        folder / "instances.ply", results.scene, results.objects, finer=results.finer
    )
    render_view(folder / "view.png", results.scene, results.objects)
    with replacing(folder / "timings.json") as temporary:
        temporary.write_text(json.dumps(results.timings, indent=2) + "\n", encoding="utf-8")


def _write_pictures(
    folder: Path, pictures: Mapping[int, Sequence[ObjectPicture]]
) -> dict[int, list[str]]:
    """Write pictures, if any, into a folder of their own; returns their paths by object id."""
    if not pictures:
        return {}
    names = {
        object_id: [f"{object_id}_{place}.jpg" for place in range(1, len(own) + 1)]
        for object_id, own in pictures.items()
    }
    with replacing_folder(folder) as temporary:
        for object_id, own in pictures.items():
            for name, picture in zip(names[object_id], own, strict=True):
                (temporary / name).write_bytes(picture.jpeg)
    return {item: [f"{folder.name}/{name}" for name in own] for item, own in names.items()}


def files_list(folder: Path) -> str:
    """One line a file: where it is and what it shows."""
    width = max(len(str(folder / name)) for name in FILES)
    return "\n".join(f"{folder / name!s:<{width}}  {what}" for name, what in FILES.items())


def objects_table(objects: Sequence[MapObject], *, rows: int = 20) -> str:
    """The objects as aligned text, one line each, largest first; smaller ones are only counted."""
    if not objects:
        return "no object found"
    ordered = sorted(objects, key=len, reverse=True)
    cells = [_HEADINGS, *(_row(item) for item in ordered[:rows])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    if len(ordered) > rows:
        lines.append(f"  … and {len(ordered) - rows} smaller ones, see objects.json")
    return "\n".join(lines)


def _row(item: MapObject) -> tuple[str, ...]:
    center = " ".join(f"{value:6.2f}" for value in item.box.center)
    size = " x ".join(f"{value:.2f}" for value in item.box.size)
    return (str(item.id), item.label, f"{item.score:.2f}", center, size, f"{len(item):,}")


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = (
        f"{cell:<{width}}" if heading in _LEFT else f"{cell:>{width}}"
        for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
    )
    return "  " + "   ".join(cells).rstrip()
