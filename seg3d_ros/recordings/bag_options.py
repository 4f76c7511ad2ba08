"""Options of bags on the command line: those of `open_recording`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def bag_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--topic` and `--fixed-frame` to a command."""
    topic = click.option(
        "--topic", default="", help="Cloud or depth image topic of a bag that holds several."
    )
    fixed_frame = click.option(
        "--fixed-frame", default="",
        help="Frame of a bag that becomes the map; else map, odom, world or the root of its tree.",
    )  # fmt: skip
    return topic(fixed_frame(command))
