"""Commands of `seg3d`. Heavy imports sit inside the commands, so that --help answers at once."""

from __future__ import annotations

import click

from seg3d_ros import __version__
from seg3d_ros.cli.audit import audit
from seg3d_ros.cli.click_object import click_object
from seg3d_ros.cli.doctor import doctor
from seg3d_ros.cli.edit import edit
from seg3d_ros.cli.evaluate import evaluate
from seg3d_ros.cli.mcp import mcp
from seg3d_ros.cli.models import download, models
from seg3d_ros.cli.preprocess import preprocess
from seg3d_ros.cli.query import query
from seg3d_ros.cli.replay import replay
from seg3d_ros.cli.segment import segment
from seg3d_ros.cli.superpoints import superpoints
from seg3d_ros.cli.synthesize import synthesize
from seg3d_ros.cli.train import train
from seg3d_ros.cli.view import view


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="seg3d_ros %(version)s")
def cli() -> None:
    """Open-vocabulary 3D instance segmentation without ROS."""


for command in (
    segment,
    click_object,
    replay,
    view,
    models,
    download,
    synthesize,
    preprocess,
    train,
    evaluate,
    audit,
    edit,
    query,
    mcp,
    doctor,
    superpoints,
):
    cli.add_command(command)
