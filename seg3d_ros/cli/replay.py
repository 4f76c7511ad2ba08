"""`seg3d replay`: a recording through the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.settings_options import chosen_settings
from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options
from seg3d_ros.recordings.bag_options import bag_options

if TYPE_CHECKING:
    from seg3d_ros.engine.engine import Engine
    from seg3d_ros.scene import Frame


_SETTINGS = (
    "input", "map", "segmentation.radius", "segmentation.period", "model", "text", "tracking",
    "imaging", "views",
)  # fmt: skip


@click.command(cls=WordsCommand, offered=_SETTINGS)
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="seg3d_output",
    show_default=True, help="Folder for the results; files of an earlier run are replaced.",
)  # fmt: skip
@bag_options
@words_options
@click.option("--model", default="mini", show_default=True, help="Segmenter.")
@click.option("--max-frames", type=click.IntRange(min=1), help="Stop after so many frames.")
def replay(
    recording: Path,
    output: Path,
    topic: str,
    fixed_frame: str,
    labels: tuple[str, ...],
    vocabulary: str | None,
    model: str,
    max_frames: int | None,
    settings: dict[str, Any],
) -> None:
    """Segment RECORDING; write view.png, objects.html, objects.json, instances.ply, timings.json.

    RECORDING is a folder of images (TUM RGB-D, Redwood, 3DMatch, ScanNet, Replica), a .sens file
    of ScanNet, or a bag: a rosbag2 folder, an .mcap, .db3 or .bag file.
    """
    from tqdm import tqdm

    from seg3d_ros.engine.engine import Engine
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.engine.replay import replay as replay_recording
    from seg3d_ros.pictures.results import files_list, objects_table, write_results
    from seg3d_ros.recordings.open import open_recording

    with one_line_errors():
        source = open_recording(recording, topic=topic, fixed_frame=fixed_frame)
        words = chosen_words(labels, vocabulary)
        chosen = chosen_settings(
            PerceptionSettings(), settings | {"segmentation.model": model}, [model]
        )
        engine = Engine(chosen)
        engine.set_first_vocabulary(words)
        output.mkdir(parents=True, exist_ok=True)
    frames = min(len(source), max_frames or len(source))
    with (
        one_line_errors(),
        tqdm(total=frames, desc=source.name, unit="frame", disable=None) as bar,
    ):

        def on_frame(engine: Engine, _: Frame) -> None:
            bar.set_postfix_str(f"{len(engine.map):,} voxels", refresh=False)
            bar.update()

        results = replay_recording(
            source,
            engine,
            segment_period=chosen.segmentation.period,
            max_frames=max_frames,
            on_frame=on_frame,
        )
    write_results(output, results)
    click.echo(objects_table(results.objects))
    click.echo()
    click.echo(files_list(output))
