"""`seg3d segment`: one scene from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.settings_options import chosen_settings
from seg3d_ros.cli.voxel_size import chosen_voxel_size
from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options

if TYPE_CHECKING:
    from seg3d_ros.engine.engine import Engine


@click.command(cls=WordsCommand, offered=("map.voxel_size", "model", "text"))
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="seg3d_output",
    show_default=True, help="Folder for the results; files of an earlier run are replaced.",
)  # fmt: skip
@words_options
@click.option(
    "--model",
    help="Segmenter; if not given: that of --checkpoint, spaceformer if its weights are here, or "
    "mini.",
)
@click.option(
    "--semantic", is_flag=True,
    help="Label every point as well, by --model xmask3d; write semantic.ply and semantic.json.",
)  # fmt: skip
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
    semantic: bool,
    up: Any,
    scale: float,
    settings: dict[str, Any],
) -> None:
    """Segment SCENE and write view.png, objects.json, instances.ply and timings.json.

    SCENE is a point cloud (PLY, PCD, XYZ, PTS, NPZ with xyz and rgb) or a mesh (PLY, GLB, OBJ,
    OFF, STL), and comes before the labels. Without --voxel-size its density decides the voxels.
    """
    from seg3d_ros.engine.models import default_model
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.engine.still_scene import check_labels_points, engine_for_scenes, segment_scene
    from seg3d_ros.pictures.results import files_list, objects_table, write_results
    from seg3d_ros.pictures.semantic import write_semantic
    from seg3d_ros.recordings.scene_file import read_scene_file

    with one_line_errors():
        words = chosen_words(labels, vocabulary)
        model = model or default_model(settings.get("model.mini.checkpoint", ""))
        given = settings | {"segmentation.model": model, "text.vocabulary": tuple(words)}
        chosen = chosen_settings(PerceptionSettings(), given, [model])
        cloud = read_scene_file(scene, up=up, scale=scale, spacing=chosen.map.voxel_size / 2)
        engine = engine_for_scenes(chosen)
        if semantic:
            check_labels_points(engine)
        engine.set_first_vocabulary(words)
        output.mkdir(parents=True, exist_ok=True)
        _say_why_nothing_is_named(words, engine)
        voxel_size = chosen_voxel_size(
            cloud, chosen.map.voxel_size, given="map.voxel_size" in settings
        )
        results = segment_scene(engine, cloud, name=scene.name, voxel_size=voxel_size)
        write_results(output, results)
        of_points = engine.state.semantic
        if semantic and of_points is not None:
            write_semantic(output, results.scene, of_points, results.finer)
    click.echo(objects_table(results.objects))
    click.echo()
    click.echo(files_list(output))


def _say_why_nothing_is_named(words: list[str], engine: Engine) -> None:
    if words and not engine.models.text_model:
        click.echo(
            f"seg3d: {engine.models.segmenter.name} knows shapes, not words: the labels name "
            "nothing; --model mini does (see `seg3d models`)",
            err=True,
        )
