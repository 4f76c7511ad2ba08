"""`seg3d view`: a map, a scene or a recording in the browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options
from seg3d_ros.settings import SettingInfo

if TYPE_CHECKING:
    from seg3d_ros.viewer.settings import ViewerSettings


def _settings() -> Iterator[tuple[str, Any, SettingInfo]]:
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.settings import settings_of
    from seg3d_ros.viewer.settings import ViewerSettings

    yield from (item for item in settings_of(ViewerSettings()) if item[0] != "enabled")
    for section in PerceptionSettings().sections():
        yield from settings_of(section)


@click.command(cls=WordsCommand, offered=_settings)
@click.argument("source", type=click.Path(path_type=Path))
@words_options
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.")
def view(
    source: Path,
    labels: tuple[str, ...],
    vocabulary: str | None,
    opens: bool,
    **settings: Any,
) -> None:
    """Show SOURCE in the browser: a saved map, a scene from a file, or a recording.

    Scenes and recordings are segmented first; the page shows them as they come.
    Ctrl-C ends it.
    """
    from seg3d_ros.engine.job_queue import Priority
    from seg3d_ros.text.labels import parse_labels
    from seg3d_ros.viewer.sources import open_source
    from seg3d_ros.viewer.viewer import Viewer

    with one_line_errors():
        page, perception = _parted(settings)
        words = chosen_words(labels, vocabulary)
        if words:
            parse_labels(words)  # a bad one is told of before the page opens
        by_default = click.get_current_context().get_parameter_source("voxel_size")
        chosen_size = by_default is not ParameterSource.DEFAULT
        shown = open_source(source, perception, words, chosen_size=chosen_size)
        viewer = Viewer(shown.engine, page, title=source.name, recording=shown.recording)
    with viewer:
        click.echo(f"{source.name}: {viewer.url}")
        if opens:
            click.launch(viewer.url)
        viewer.tasks.run("opening", Priority.SEGMENT, shown.fill)
        if viewer.playback is not None:
            viewer.playback.play(True)
        while True:
            time.sleep(3600)


def _parted(values: dict[str, Any]) -> tuple[ViewerSettings, Any]:
    """Settings of the page, and those of the perception."""
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.settings import replace_settings
    from seg3d_ros.viewer.settings import ViewerSettings

    page = replace_settings(ViewerSettings(enabled=True), values)
    return page, PerceptionSettings().with_values(values)
