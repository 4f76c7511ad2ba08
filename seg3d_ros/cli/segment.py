"""`seg3d segment`: one scene from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.settings_options import SettingsCommand
from seg3d_ros.settings import SettingInfo

_LABELS = "--labels"


def _settings() -> Iterator[tuple[str, Any, SettingInfo]]:
    from seg3d_ros.pipeline import PerceptionSettings
    from seg3d_ros.settings import settings_of

    settings = PerceptionSettings()
    yield from (item for item in settings_of(settings.map) if item[0] == "voxel_size")
    yield from settings_of(settings.network)
    yield from settings_of(settings.postprocess)


class SegmentCommand(SettingsCommand):
    """Lets several words follow one `--labels`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, which is what click understands."""
        return super().parse_args(ctx, list(_one_word_each(args)))


def _one_word_each(args: list[str]) -> Iterator[str]:
    """Words after `--labels` up to the next option; "-wall" is a word, "-o" is an option."""
    taking = False
    for word in args:
        if word == _LABELS:
            taking = True
        elif taking and not (word.startswith("--") or (word[:1] == "-" and len(word) == 2)):
            yield f"{_LABELS}={word}"
        else:
            taking = False
            yield word


@click.command(cls=SegmentCommand, offered=_settings)
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="seg3d_output",
    show_default=True, help="Folder for the results; files of an earlier run are replaced.",
)  # fmt: skip
@click.option(
    _LABELS, multiple=True, metavar="WORD...",
    help='Names for the objects: chair table "sofa|couch"; -wall is background.',
)  # fmt: skip
@click.option("--vocabulary", help="File with one label a line, or a bundled list: household.")
@click.option("--model", help="Segmenter; if not given: spaceformer if its weights are here.")
@click.option(
    "--up", type=click.Choice(["x", "-x", "y", "-y", "z", "-z"]),
    help="Axis of the file that points up; if not given: z, and y in glTF.",
)  # fmt: skip
@click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
    help="Metres in one unit of the file.",
)  # fmt: skip
def segment(
    scene: Path,
    output: Path,
    labels: tuple[str, ...],
    vocabulary: str | None,
    model: str | None,
    up: Any,
    scale: float,
    **settings: Any,
) -> None:
    """Segment SCENE and write view.png, objects.json, instances.ply and timings.json.

    SCENE is a point cloud (PLY, PCD, NPZ with xyz and rgb) or a mesh (GLB, OBJ), and comes before
    the labels.
    """
    from seg3d_ros.pipeline import PerceptionSettings
    from seg3d_ros.recordings.scene_file import read_scene_file
    from seg3d_ros.segment_scene import SceneSegmentation, default_model
    from seg3d_ros.text.vocabulary_files import load_vocabulary_file
    from seg3d_ros.viewer.results import files_list, objects_table, write_results

    if labels and vocabulary:
        raise click.UsageError("--labels and --vocabulary name the objects; give one of them")
    with one_line_errors():
        words = load_vocabulary_file(vocabulary) if vocabulary else list(labels)
        settings["model"] = model or default_model(settings["checkpoint"])
        chosen = PerceptionSettings().with_values(settings)
        cloud = read_scene_file(scene, up=up, scale=scale, spacing=chosen.map.voxel_size / 2)
        system = SceneSegmentation(chosen, words)
        output.mkdir(parents=True, exist_ok=True)
        _say_why_nothing_is_named(words, system.segmenter.name, can_name=bool(system.vocabulary))
        results = system.run(cloud, name=scene.name)
        write_results(output, results)
    click.echo(objects_table(results.objects))
    click.echo()
    click.echo(files_list(output))


def _say_why_nothing_is_named(words: list[str], model: str, *, can_name: bool) -> None:
    if words and not can_name:
        click.echo(
            f"seg3d: {model} knows shapes, not words: the labels name nothing; "
            "--model spaceformer does (see `seg3d models`)",
            err=True,
        )
