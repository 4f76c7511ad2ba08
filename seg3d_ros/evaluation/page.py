"""Evaluations as a page: tables, and pictures of the best and the worst scenes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from seg3d_ros.evaluation.report import Row, heading, number, rows_of
from seg3d_ros.evaluation.run import Run
from seg3d_ros.evaluation.scene_image import SceneImage
from seg3d_ros.evaluation.scenes import VOXEL_SIZE
from seg3d_ros.evaluation.scores import ClassScores, Evaluation
from seg3d_ros.files import replacing
from seg3d_ros.pictures.captions import Tag, draw_tags, draw_title
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.pictures.room_render import Shot, painted, shoot
from seg3d_ros.scene import Float32, Int64

_PANEL = (640, 560)  # pixels
_MIN_VISIBLE = 0.001  # of a panel, for a caption
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px;
       padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
img { width: 100% } figure { margin: 1.5rem 0 } summary { cursor: pointer }
"""


def write_page(folder: Path, splits: Sequence[Sequence[Run]]) -> None:
    """Write index.html and the pictures it shows; older files are replaced.

    Args:
        folder: made if need be.
        splits: for each split the runs of all models.
    """
    body = "\n".join(part for runs in splits for part in _split(folder, runs))
    with replacing(folder / "index.html") as temporary:
        temporary.write_text(page_of("Evaluation", body), encoding="utf-8")


def page_of(title: str, body: str) -> str:
    """HTML page with a title, in the style of all reports."""
    return (
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n{body}\n</html>\n"
    )


def render_scene(path: Path, image: SceneImage) -> None:
    """Write a PNG: input, ground truth and prediction; what was found has one colour in both."""
    shot = shoot(image.points, image.truth > 0, voxel_size=VOXEL_SIZE, size=_PANEL)
    panels = [shot.reduced(shot.paint(image.colors))]
    draw_title(panels[0], f"input: {len(image.points):,} points")
    for title, ids, names in (
        (f"ground truth: {image.scores.objects} objects", image.truth, image.true_names),
        (f"prediction: {image.scores.found} found", image.predicted, image.predicted_names),
    ):
        panel = shot.reduced(shot.paint(painted(image.colors, ids.astype(np.uint32))))
        draw_tags(panel, _tags(shot, image.points, ids, names))
        draw_title(panel, title)
        panels.append(panel)
    whole = Image.new("RGB", (_PANEL[0] * len(panels), _PANEL[1]))
    for column, panel in enumerate(panels):
        whole.paste(panel, (column * _PANEL[0], 0))
    with replacing(path) as temporary:
        whole.save(temporary, format="PNG")


def _tags(shot: Shot, points: Float32, ids: Int64, names: dict[int, str]) -> list[Tag]:
    """A tag for each named number that can be seen, the most visible first."""
    visible = np.bincount(ids[shot.rows[shot.rows >= 0]], minlength=ids.max(initial=0) + 1)
    return [
        Tag(names[number], _top(shot, points[(ids == number) & shot.drawn]), color_of(number))
        for number in np.argsort(-visible, kind="stable").tolist()
        if number in names and visible[number] > _MIN_VISIBLE * shot.rows.size
    ]


def _top(shot: Shot, points: Float32) -> np.ndarray:
    """Pixel (2,) above the middle of some points."""
    place = np.append(points[:, :2].mean(axis=0), points[:, 2].max())
    return shot.picture_view.project(place[None])[0, :2]


def _split(folder: Path, runs: Sequence[Run]) -> Iterator[str]:
    evaluations = [run.evaluation for run in runs]
    yield f"<h2>{escape(heading(evaluations[0]))}</h2>"
    yield table(("", *(item.model for item in evaluations)), rows_of(evaluations))
    for run in runs:
        yield f"<h3>{escape(run.evaluation.model)}</h3>"
        yield from _class_table(run.evaluation)
        yield "<p>Best and worst scenes by mean best IoU, best first.</p>"
        yield from (_figure(folder, run.evaluation, image) for image in run.images)


def _class_table(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.named is None:
        return
    head = ("class", "objects", "AP", "AP50", "AP25", "IoU")
    ordered = sorted(evaluation.named.classes, key=lambda item: -item.objects)
    rows = [(item.name, _cells(item)) for item in ordered]
    yield f"<details><summary>By class</summary>{table(head, rows)}</details>"


def _cells(item: ClassScores) -> tuple[str, ...]:
    precision = item.precision
    measured = (precision.ap, precision.ap50, precision.ap25, item.iou)
    return (str(item.objects), *map(number, measured))


def _figure(folder: Path, evaluation: Evaluation, image: SceneImage) -> str:
    scene = image.scores
    file = re.sub(r"[^\w.-]+", "_", f"{evaluation.model}-{evaluation.split}-{scene.name}.png")
    render_scene(folder / file, image)
    caption = (
        f"{scene.name}: mean best IoU {number(scene.mean_best_iou)}, {scene.found} of "
        f"{scene.objects} objects found by {scene.predictions} masks, {scene.seconds:.2f} s"
    )
    return f'<figure><img src="{file}" alt=""><figcaption>{escape(caption)}</figcaption></figure>'


def table(head: Sequence[str], rows: Sequence[Row]) -> str:
    """HTML table: heads of the columns, and rows of a name and its values."""
    titles = "".join(f"<th>{escape(title)}" for title in head)
    lines = [
        "<tr>" + "".join(f"<td>{escape(cell)}" for cell in (key, *values)) for key, values in rows
    ]
    return "\n".join(["<table>", f"<tr>{titles}", *lines, "</table>"])
