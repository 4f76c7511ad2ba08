"""Command line options made of settings, so that each is written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from seg3d_ros.errors import InputError
from seg3d_ros.settings import Config, SettingInfo, walk, with_values

_MODEL = "model."
# The others go without the name of their group.
_PREFIXES = {
    "segmentation": "segment-", "prompt": "prompt-", "text": "text-", "imaging": "imaging-",
    "views": "views-",
}  # fmt: skip


class SettingsCommand(click.Command):
    """A command with one option for each setting that it offers, made when it is called.

    Its function gets those that were given as `settings`, for `chosen_settings`.
    """

    def __init__(
        self,
        *args: Any,
        offered: tuple[str, ...],
        usual: Callable[[], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Args: see `click.Command`, and two more.

        `offered` are dotted names of settings, or of groups with all that is in them. `usual`
        makes the tree with their defaults; None: that of the engine.
        """
        super().__init__(*args, **kwargs)
        self._offered = offered
        self._usual = usual or _engine_settings

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then the settings."""
        own = super().get_params(ctx)
        options = [option.click_option() for option in _options(self._usual(), self._offered)]
        return [*own[:-1], *options, own[-1]]  # --help stays last

    def invoke(self, ctx: click.Context) -> Any:
        """Hand the settings over as one argument."""
        given: dict[str, Any] = {}
        for option in _options(self._usual(), self._offered):
            value = ctx.params.pop(option.variable)
            if value is not None:
                given |= dict.fromkeys(option.defaults, value)
        ctx.params["settings"] = given
        return super().invoke(ctx)


def chosen_settings(usual: Config, given: Mapping[str, Any], models: Iterable[str] = ()) -> Config:
    """Settings of a command, those of models for the models that it uses.

    Args:
        usual: tree with the defaults.
        given: what a `SettingsCommand` hands over.
        models: names of these models.

    Raises:
        InputError: a value is not allowed, or none of the models reads a setting that was given.
    """
    models = tuple(models)
    used = {f"{_MODEL}{model}" for model in models}
    values = {
        name: value
        for name, value in given.items()
        if not name.startswith(_MODEL) or name.rpartition(".")[0] in used
    }
    read = {_flag(name) for name in values}
    for name in given:
        if _flag(name) not in read:
            who = ", ".join(models) or "no model"
            raise InputError(f"{who} does not read --{_flag(name)}")
    return with_values(usual, values)


@dataclass
class _Option:
    """Option of one setting, or of the same of several models.

    Attributes:
        flag: its name, without the dashes in front.
        info: of the setting.
        defaults: by dotted name of the setting.
    """

    flag: str
    info: SettingInfo
    defaults: dict[str, Any] = field(default_factory=dict)

    @property
    def variable(self) -> str:
        """Name of its value."""
        return self.flag.replace("-", "_")

    def click_option(self) -> click.Option:
        """The option; where it is not given, its value is None."""
        default = next(iter(self.defaults.values()))
        is_flag = isinstance(default, bool)
        models = [name.split(".")[1] for name in self.defaults if name.startswith(_MODEL)]
        text = f"{self.info.text} [{', '.join(models)}]" if models else self.info.text
        return click.Option(
            [self.variable, f"--{self.flag}/--no-{self.flag}" if is_flag else f"--{self.flag}"],
            type=click.Choice(self.info.choices) if self.info.choices else type(default),
            default=None,
            help=text + (f"  [default: {default}]" if default != "" else ""),
        )


def _engine_settings() -> Any:
    from seg3d_ros.engine.perception import PerceptionSettings

    return PerceptionSettings()


def _options(usual: Any, offered: tuple[str, ...]) -> Iterator[_Option]:
    """Options of settings that are plain values; a command line has no use for lists."""
    options: dict[str, _Option] = {}
    for name, default, info in walk(usual):
        if info.items is None and f"{name}.".startswith(tuple(f"{of}." for of in offered)):
            flag = _flag(name)
            options.setdefault(flag, _Option(flag, info)).defaults[name] = default
    yield from options.values()


def _flag(name: str) -> str:
    """Name of the option of a setting; models share those of the settings that they share."""
    group, _, rest = name.partition(".")
    return _PREFIXES.get(group, "") + rest.rpartition(".")[2].replace("_", "-")
