"""`seg3d train`: networks from labelled scenes."""

from __future__ import annotations

import logging
import os

import click

from seg3d_ros.cli.errors import one_line_errors


@click.command()
@click.option(
    "--config-name", default="train", show_default=True,
    help="Recipe: train (MaskFormer on ScanNet), lassm, xmask3d, or mini (of the package).",
)  # fmt: skip
@click.option("--show", is_flag=True, help="Print the configuration and do nothing.")
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
def train(config_name: str, show: bool, overrides: tuple[str, ...]) -> None:
    """Train a network on labelled scenes.

    KEY=VALUE changes the recipe, in Hydra's words: paths.data_dir=~/scannet train.batch_size=4
    model/backbone=minkunet34. Ctrl-C stops in order, and the same command goes on.

    Several GPUs: torchrun --nproc-per-node 4 -m seg3d_ros.cli train KEY=VALUE...
    """
    with one_line_errors():
        _check_installed()
        from omegaconf import OmegaConf

        from seg3d_ros.training.config import load_config
        from seg3d_ros.training.run import run

        config = load_config(config_name, overrides)
        if show:
            click.echo(OmegaConf.to_yaml(config), nl=False)
            return
        level = logging.INFO if os.environ.get("RANK", "0") == "0" else logging.WARNING
        logging.basicConfig(level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
        run(config)


def _check_installed() -> None:
    try:
        import hydra  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"training needs {error.name}; install it with pip install 'seg3d_ros[train]'"
        ) from error
