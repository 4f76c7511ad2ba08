"""`seg3d doctor`: what is wrong with the inputs, and the lines that mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seg3d_ros.cli.errors import one_line_errors

if TYPE_CHECKING:
    from seg3d_ros.doctor.evidence import Evidence

NO_ROS = (
    "no ROS 2 is here ({}): source one (source /opt/ros/$ROS_DISTRO/setup.bash), or look at a bag "
    "with --recording"
)


@click.command()
@click.option(
    "--recording", type=click.Path(path_type=Path),
    help="Bag to look at in place of the running system.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=1.0, max=600.0), default=10.0, show_default=True,
    help="How long to listen, or how much of the bag to read.",
)  # fmt: skip
@click.option("--topic", default="", help="Cloud or depth topic to look at; else all.")
@click.option(
    "--fixed-frame", default="",
    help="Frame of the map; else that of the running node, or map, odom, world or the root.",
)  # fmt: skip
@click.pass_context
def doctor(
    context: click.Context, recording: Path | None, seconds: float, topic: str, fixed_frame: str
) -> None:
    """Listen to cameras, lidars and transforms, and say what keeps them from the map.

    Each trouble comes with the line that mends it. The exit code is 1 when there is an error.
    """
    with one_line_errors():
        if recording is not None:
            from seg3d_ros.doctor.bag import read_bag

            evidence = read_bag(
                recording, duration_s=seconds, topic=topic, fixed_frame=fixed_frame
            )
        else:
            evidence = _listen(seconds, topic, fixed_frame)
    from seg3d_ros.doctor.examination import examine
    from seg3d_ros.doctor.page import page

    findings = examine(evidence)
    click.echo(page(evidence, findings))
    if any(finding.level == "error" for finding in findings):
        context.exit(1)


def _listen(seconds: float, topic: str, fixed_frame: str) -> Evidence:
    try:
        from seg3d_ros.node.doctor import listen
    except ImportError as error:
        raise ImportError(NO_ROS.format(error)) from error
    click.echo(f"listening for {seconds:g} s ...", err=True)
    return listen(seconds, topic=topic, fixed_frame=fixed_frame)
