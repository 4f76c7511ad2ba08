"""Command line options made of settings, so that each is written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from seg3d_ros.settings import SettingInfo

Offered = Callable[[], Iterable[tuple[str, Any, SettingInfo]]]
_TYPES = (bool, int, float, str)


class SettingsCommand(click.Command):
    """A command with one option for each setting that it offers, made when it is called."""

    def __init__(self, *args: Any, offered: Offered, **kwargs: Any) -> None:
        """Args: `offered` lists (name, default, info) of the settings; it may import much."""
        super().__init__(*args, **kwargs)
        self._offered = offered

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then the settings."""
        own = super().get_params(ctx)
        return [*own[:-1], *_options(self._offered()), own[-1]]  # --help stays last


def _options(offered: Iterable[tuple[str, Any, SettingInfo]]) -> Iterator[click.Option]:
    for name, default, info in offered:
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
