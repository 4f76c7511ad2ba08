"""Command line of the demo."""

from __future__ import annotations

from pathlib import Path

import click
import rclpy
from rclpy.signals import SignalHandlerOptions

from seg3d_ros.demo.child_process import ChildFailedError
from seg3d_ros.demo.demo import Demo, DemoError, run
from seg3d_ros.demo.recording_player import holds_images
from seg3d_ros.node.client import RequestFailed
from seg3d_ros.node.environment import prepare_environment
from seg3d_ros.pictures.results import files_list, objects_table, write_results
from seg3d_ros.recordings.bag_options import bag_options
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.segmenters.registry import MODELS
from seg3d_ros.signals import INTERRUPTED, ignore_signals, interrupt_on_signals


@click.command()
@click.option("--recording", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="mini", show_default=True, help="See `seg3d models`.")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("demo_output"),
    show_default=True, help="Folder for results and logs.",
)  # fmt: skip
@click.option(
    "--as", "kind", type=click.Choice(["images", "clouds"]), default="images", show_default=True,
    help="Topics that depth images are sent on.",
)  # fmt: skip
@bag_options
@click.option("--rate", type=float, default=1.0, show_default=True, help="Speed of playing.")
def _command(
    recording: Path,
    model: str,
    output: Path,
    kind: str,
    topic: str,
    fixed_frame: str,
    rate: float,
) -> None:
    """Play a recording to a node over ROS 2 and show what it finds."""
    if model not in MODELS:
        raise click.UsageError(f"no model is called {model!r}; use one of {', '.join(MODELS)}")
    domain = prepare_environment()
    source = open_recording(recording, topic=topic, fixed_frame=fixed_frame)
    images = kind == "images" and holds_images(source)
    demo = Demo(recording, source, topic, fixed_frame, images, rate, model, output)
    output.mkdir(parents=True, exist_ok=True)
    click.echo(
        f"seg3d     {source.name}: {len(source)} frames at {source.rate_hz:.1f} Hz, "
        f"model {model}, ROS_DOMAIN_ID={domain}"
    )
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    results = run(demo)
    write_results(output, results)
    click.echo(f"\n{objects_table(results.objects)}\n\n{files_list(output)}")


def run_demo(args: list[str] | None) -> int:
    """Run the demo with the words of the command line; returns the exit code of the process."""
    interrupt_on_signals()
    try:
        _command.main(args, prog_name="demo", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted", err=True)
        return INTERRUPTED
    except (click.ClickException, RecordingError) as error:
        click.echo(f"demo: {error}", err=True)
        return 2
    except (DemoError, ChildFailedError, RequestFailed, TimeoutError) as error:
        click.echo(f"demo: {error}", err=True)
        return 1
    finally:
        ignore_signals()
        rclpy.try_shutdown()
    return 0
