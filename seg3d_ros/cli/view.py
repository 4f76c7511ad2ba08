"""`seg3d view`: a map, a scene or a recording in the browser."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.settings_options import chosen_settings
from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options

if TYPE_CHECKING:
    from seg3d_ros.viewer.settings import ViewedSettings

_SETTINGS = (
    "viewer.host", "viewer.port", "viewer.token", "viewer.read_only", "viewer.max_points",
    "viewer.max_rate", "input", "map", "segmentation.radius", "segmentation.period",
    "prompt.model", "model", "text", "tracking", "imaging", "views",
)  # fmt: skip


def _usual() -> ViewedSettings:
    from seg3d_ros.viewer.settings import ViewedSettings, ViewerSettings

    return ViewedSettings(viewer=ViewerSettings(enabled=True))


@click.command(cls=WordsCommand, offered=_SETTINGS, usual=_usual)
@click.argument("source", type=click.Path(path_type=Path))
@words_options
@click.option("--model", default="mini", show_default=True, help="Segmenter.")
@click.option(
    "--picture", type=click.Path(path_type=Path), metavar="FILE",
    help="Write a PNG of the scene and its objects, and end.",
)  # fmt: skip
@click.option(
    "--turntable", type=click.Path(path_type=Path), metavar="FILE",
    help="Write a film of one turn around it, .webp, .gif or .png, and end.",
)  # fmt: skip
@click.option(
    "--compare", metavar="MODEL",
    help="Show beside what --model finds what this model finds in the same scene or recording.",
)  # fmt: skip
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.")
def view(
    source: Path,
    labels: tuple[str, ...],
    vocabulary: str | None,
    model: str,
    picture: Path | None,
    turntable: Path | None,
    compare: str | None,
    opens: bool,
    settings: dict[str, Any],
) -> None:
    """Show SOURCE in the browser: a saved map, a scene from a file, or a recording.

    Scenes and recordings are segmented first; the page shows them as they come.
    Ctrl-C ends it.
    """
    from seg3d_ros.engine.job_queue import Priority
    from seg3d_ros.pictures.turntable import check_film
    from seg3d_ros.text.labels import parse_labels
    from seg3d_ros.viewer.sources import open_source, write_pictures
    from seg3d_ros.viewer.viewer import Viewer

    with one_line_errors():
        if compare:
            _compare(source, [model, compare], chosen_words(labels, vocabulary), settings, opens)
        chosen = chosen_settings(_usual(), settings | {"segmentation.model": model}, [model])
        words = chosen_words(labels, vocabulary)
        if turntable:
            check_film(turntable)
        if words:
            parse_labels(words)  # a bad one is told of before the page opens
        shown = open_source(source, chosen, words, chosen_size="map.voxel_size" in settings)
        if picture or turntable:
            click.echo(write_pictures(shown, picture, turntable))
            return
        viewer = Viewer(shown.engine, chosen.viewer, title=source.name, recording=shown.recording)
    with viewer:
        viewer.tasks.run("opening", Priority.SEGMENT, shown.fill)
        if viewer.playback is not None:
            viewer.playback.play(True)
        _serve(source, viewer.url, opens)


def _compare(
    source: Path,
    models: Sequence[str],
    words: Sequence[str],
    settings: dict[str, Any],
    opens: bool,
) -> NoReturn:
    """Show what two models find in one source, side by side."""
    from seg3d_ros.errors import InputError
    from seg3d_ros.objects.storage import is_map_file
    from seg3d_ros.viewer.comparison import compare
    from seg3d_ros.viewer.side_by_side import SideBySide
    from seg3d_ros.viewer.sources import open_source, take_in

    if len(set(models)) < len(models):
        raise InputError(f"{models[0]} cannot be compared with itself; name another model")
    if is_map_file(source):
        raise InputError(f"{source} is a saved map, whose objects are found; give a scene file")
    chosen = [
        chosen_settings(_usual(), settings | {"segmentation.model": model}, models)
        for model in models
    ]
    # Before the work of minutes: the port may be taken.
    page = SideBySide(chosen[0].viewer, ["input", *models], label=source.name)
    with closing(page):
        states = []
        for model, its_settings in zip(models, chosen, strict=True):
            size_given = "map.voxel_size" in settings
            shown = open_source(source, its_settings, words, chosen_size=size_given)
            with closing(shown.engine):
                click.echo(f"{model}: {take_in(shown)}")
                states.append(shown.engine.state)
        found = compare(*states)
        page.show(found.clouds)
        counts = {f"objects of {m}": str(n) for m, n in zip(models, found.counts, strict=True)}
        page.tell(counts | {"found by both": str(found.common)})
        _serve(source, page.server.url, opens)


def _serve(source: Path, url: str, opens: bool) -> NoReturn:
    """Tell the address of a page, and leave it there until Ctrl-C."""
    click.echo(f"{source.name}: {url}")
    if opens:
        click.launch(url)
    while True:
        time.sleep(3600)
