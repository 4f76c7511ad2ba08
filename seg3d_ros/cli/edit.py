"""`seg3d edit`: objects of a map file corrected by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seg3d_ros.cli.errors import one_line_errors

if TYPE_CHECKING:
    from seg3d_ros.engine.engine import Engine
    from seg3d_ros.objects.edits import Edit

_MAP = click.argument("map_file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
_ID = click.argument("object_id", type=click.IntRange(min=1))
_IDS = click.argument("ids", type=click.IntRange(min=1), nargs=-1, required=True)


@click.group()
def edit() -> None:
    """Correct the objects of a map file; later segmentations leave the edits as they are."""


@edit.command("list")
@_MAP
def list_objects(map_file: Path) -> None:
    """Print the objects of MAP_FILE."""
    from seg3d_ros.pictures.results import objects_table

    with one_line_errors():
        engine, _ = _opened(map_file)
    click.echo(objects_table(engine.state.objects, rows=len(engine.state.objects)))


@edit.command()
@_MAP
@_ID
@click.argument("name", default="")
def rename(map_file: Path, object_id: int, name: str) -> None:
    """Call an object of MAP_FILE something; without NAME: by the vocabulary again."""
    from seg3d_ros.objects.edits import Rename

    with one_line_errors():
        _apply(map_file, Rename(object_id, name))


@edit.command()
@_MAP
@_IDS
def delete(map_file: Path, ids: tuple[int, ...]) -> None:
    """Delete objects of MAP_FILE; they do not come back."""
    from seg3d_ros.objects.edits import Delete

    with one_line_errors():
        _apply(map_file, Delete(ids))


@edit.command()
@_MAP
@_IDS
def merge(map_file: Path, ids: tuple[int, ...]) -> None:
    """Merge objects of MAP_FILE into the first one."""
    from seg3d_ros.objects.edits import Merge

    with one_line_errors():
        _apply(map_file, Merge(ids))


@edit.command()
@_MAP
@_IDS
@click.option("--free", is_flag=True, help="Let segmentations change them again.")
def lock(map_file: Path, ids: tuple[int, ...], free: bool) -> None:
    """Keep the voxels of objects of MAP_FILE as they are."""
    from seg3d_ros.objects.edits import Lock

    with one_line_errors():
        _apply(map_file, Lock(ids, locked=not free))


@edit.command()
@_MAP
@_ID
@click.option(
    "--at", "on_part", type=(float, float, float), multiple=True, required=True,
    metavar="X Y Z", help="Click on the part, metres in the frame of the map; or several.",
)  # fmt: skip
@click.option(
    "--not-at", "off_part", type=(float, float, float), multiple=True, metavar="X Y Z",
    help="Click on what stays; or several.",
)  # fmt: skip
@click.option("--name", default="", help="Name of the part.")
def split(
    map_file: Path,
    object_id: int,
    on_part: Sequence[tuple[float, float, float]],
    off_part: Sequence[tuple[float, float, float]],
    name: str,
) -> None:
    """Make the clicked part of an object of MAP_FILE an object of its own."""
    import numpy as np

    from seg3d_ros.objects.edits import Split

    points = np.array([*on_part, *off_part], np.float64)
    foreground = np.arange(len(points)) < len(on_part)
    with one_line_errors():
        _apply(map_file, Split(object_id, points, foreground, name))


@edit.command()
@_MAP
def undo(map_file: Path) -> None:
    """Take back the newest edit of MAP_FILE that has not been undone, made here or by a node."""
    from seg3d_ros.objects.edits import Undo

    with one_line_errors():
        _apply(map_file, Undo())


@edit.command()
@_MAP
def taught(map_file: Path) -> None:
    """Print the names of MAP_FILE that were taught by giving them to three objects or more."""
    with one_line_errors():
        engine, _ = _opened(map_file)
    prototypes = engine.state.prototypes
    lines = [f"{one.name}  (from {one.examples} objects)" for one in prototypes]
    click.echo("\n".join(lines) or "no name was taught")


@edit.command()
@_MAP
@click.argument("name")
def forget(map_file: Path, name: str) -> None:
    """No longer call further objects of MAP_FILE by a name that was taught."""
    from seg3d_ros.objects.edits import ForgetName

    with one_line_errors():
        _apply(map_file, ForgetName(name))


def _opened(map_file: Path) -> tuple[Engine, str]:
    """Engine with the map of a file, and the map's frame.

    Raises:
        InputError: the file is no map, or a damaged one.
    """
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.engine.saved_map import open_map

    settings = PerceptionSettings.of({"segmentation.model": "geometric"})
    engine, meta = open_map(map_file, settings)
    return engine, meta.fixed_frame


def _apply(map_file: Path, change: Edit) -> None:
    """Make an edit and write the file anew.

    Raises:
        InputError: the file is no map, or the edit makes no sense.
        UnknownObjectError: it has no such object.
    """
    engine, fixed_frame = _opened(map_file)
    report = engine.edit(change)
    engine.save(map_file, fixed_frame=fixed_frame)
    click.echo(report.message)
