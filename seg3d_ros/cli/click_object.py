"""`seg3d click`: one object of a scene from a file, by pointing at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.settings_options import SettingsCommand, chosen_settings
from seg3d_ros.cli.voxel_size import chosen_voxel_size

_SETTINGS = ("map.voxel_size", "model.point_sam", "model.point_sam_mini", "model.mini_clicks")


@click.command("click", cls=SettingsCommand, offered=_SETTINGS)
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "--at", "on", type=float, nargs=3, multiple=True, required=True, metavar="X Y Z",
    help="Point on the object, in the axes and the unit of the file; may be repeated.",
)  # fmt: skip
@click.option(
    "--not", "off", type=float, nargs=3, multiple=True, metavar="X Y Z",
    help="Point that is not on the object; may be repeated.",
)  # fmt: skip
@click.option("--name", default="", help="What the object is called in the results.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    default="seg3d_output", show_default=True,
    help="Folder for the results; files of an earlier run are replaced.",
)  # fmt: skip
@click.option(
    "--model", default="auto", show_default=True,
    help="Prompt segmenter; auto: point_sam if its weights are here, else mini_clicks.",
)  # fmt: skip
@click.option(
    "--up", type=click.Choice(["x", "-x", "y", "-y", "z", "-z"]),
    help="Axis of the file that points up; if not given: z, and y in glTF.",
)  # fmt: skip
@click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), default=1.0,
    show_default=True, help="Metres in one unit of the file.",
)  # fmt: skip
def click_object(
    scene: Path,
    on: tuple[tuple[float, float, float], ...],
    off: tuple[tuple[float, float, float], ...],
    name: str,
    output: Path,
    model: str,
    up: Any,
    scale: float,
    settings: dict[str, Any],
) -> None:
    """Segment the object at some points of SCENE, a point cloud or mesh as in seg3d segment.

    Writes view.png, objects.json, instances.ply and timings.json.
    """
    import numpy as np

    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.engine.still_scene import click_scene, engine_for_scenes
    from seg3d_ros.pictures.results import files_list, objects_table, write_results
    from seg3d_ros.recordings.scene_file import map_from_file, read_scene_file
    from seg3d_ros.segmenters.registry import best_prompt_model
    from seg3d_ros.segmenters.settings import ModelSettings

    with one_line_errors():
        if model == "auto":
            given = "model.point_sam.checkpoint" in settings  # it may hold either
            model = "point_sam" if given else best_prompt_model(ModelSettings())
        chosen = chosen_settings(PerceptionSettings(), settings | {"prompt.model": model}, [model])
        voxel_size = chosen.map.voxel_size
        cloud = read_scene_file(scene, up=up, scale=scale, spacing=voxel_size / 2)
        clicks = np.array([*on, *off]) @ map_from_file(scene, up=up, scale=scale).T
        foreground = np.arange(len(clicks)) < len(on)
        results = click_scene(
            engine_for_scenes(chosen),
            cloud,
            clicks,
            foreground,
            voxel_size=chosen_voxel_size(cloud, voxel_size, given="map.voxel_size" in settings),
            name=name,
        )
        output.mkdir(parents=True, exist_ok=True)
        write_results(output, results)
    click.echo(objects_table(results.objects))
    click.echo()
    click.echo(files_list(output))
