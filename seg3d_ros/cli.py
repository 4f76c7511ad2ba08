"""The command `seg3d`. Heavy imports sit inside the commands, so that --help answers at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros import __version__

if TYPE_CHECKING:
    from seg3d_ros.pipeline import Perception

_TYPES = (bool, int, float, str)


class SettingsCommand(click.Command):
    """A command with one option for each setting of the pipeline, made when it is called."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then the settings."""
        own = super().get_params(ctx)
        return [*own[:-1], *_settings_options(), own[-1]]  # --help stays last


def _settings_options() -> Iterator[click.Option]:
    from seg3d_ros.node.settings import NodeSettings
    from seg3d_ros.pipeline import PerceptionSettings
    from seg3d_ros.settings import settings_of

    of_node = (item for item in settings_of(NodeSettings()) if item[0] == "segment_period")
    of_pipeline = (settings_of(section) for section in PerceptionSettings().sections())
    for name, default, info in chain(*of_pipeline, of_node):
        if not isinstance(default, _TYPES):
            continue  # not a plain value: nothing for a command line
        flag = name.replace("_", "-")
        yield click.Option(
            [f"--{flag}/--no-{flag}" if isinstance(default, bool) else f"--{flag}"],
            type=click.Choice(info.choices) if info.choices else type(default),
            default=default,
            show_default=True,
            help=info.text,
        )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="seg3d_ros %(version)s")
def cli() -> None:
    """Open-vocabulary 3D instance segmentation without ROS."""


@cli.command()
def models() -> None:
    """List the segmenters."""
    from seg3d_ros.segmenters.registry import MODELS

    width = max(map(len, MODELS))
    for info in MODELS.values():
        weights = ", needs weights" if info.needs_weights else ""
        click.echo(f"{info.name:<{width}}  {info.summary} ({info.licence}{weights})")


@cli.command(cls=SettingsCommand)
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="seg3d_output",
    show_default=True, help="Folder for the results; files of an earlier run are replaced.",
)  # fmt: skip
@click.option(
    "--topic", default="", help="Cloud or depth image topic of a bag that holds several."
)
@click.option("--max-frames", type=click.IntRange(min=1), help="Stop after so many frames.")
def replay(
    recording: Path,
    output: Path,
    topic: str,
    max_frames: int | None,
    segment_period: float,
    **settings: Any,
) -> None:
    """Segment RECORDING and write view.png, objects.json, instances.ply and timings.json.

    RECORDING is a folder of images (TUM RGB-D, Redwood, 3DMatch), a rosbag2 or an .mcap file.
    """
    from tqdm import tqdm

    from seg3d_ros.pipeline import Perception, PerceptionSettings
    from seg3d_ros.recordings.open import open_recording
    from seg3d_ros.replay import replay as replay_recording
    from seg3d_ros.viewer.results import files_list, objects_table, write_results

    with _one_line_errors():
        source = open_recording(recording, topic=topic)
        perception = Perception(PerceptionSettings().with_values(settings))
        output.mkdir(parents=True, exist_ok=True)
    frames = min(len(source), max_frames or len(source))
    with (
        _one_line_errors(),
        tqdm(total=frames, desc=source.name, unit="frame", disable=None) as bar,
    ):

        def on_frame(perception: Perception) -> None:
            bar.set_postfix_str(f"{len(perception.map):,} voxels", refresh=False)
            bar.update()

        results = replay_recording(
            source,
            perception,
            segment_period=segment_period,
            max_frames=max_frames,
            on_frame=on_frame,
        )
    write_results(output, results)
    click.echo(objects_table(results.objects))
    click.echo()
    click.echo(files_list(output))


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What a person can put right is said in one line; anything else keeps its traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.ClickException(" ".join(str(error).split())) from error


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code of the process: 2 for bad input."""
    try:
        cli.main(args, prog_name="seg3d", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"seg3d: {error.format_message()}", err=True)
        return 2
    except click.Abort:
        click.echo("seg3d: interrupted", err=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
