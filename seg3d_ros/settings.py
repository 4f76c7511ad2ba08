"""Settings: dataclass fields that carry their own documentation and limits.

Every component keeps its settings in a frozen dataclass whose fields are made with `setting`.
The command line, the ROS parameters and the documentation are generated from the same fields,
so that a default, a limit and its explanation are written once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar

from seg3d_ros.errors import InputError

Config = TypeVar("Config")


@dataclasses.dataclass(frozen=True)
class SettingInfo:
    """Documentation and limits of a field made with `setting`.

    Attributes:
        text: one sentence with the unit.
        low: smallest allowed value, None where there is none.
        high: largest allowed value, None where there is none.
        choices: allowed values of a string, empty where any is.
        live: True when a running node can change it.
    """

    text: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False


def setting(
    default: Any,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """Declare a dataclass field with its default, explanation and limits (see `SettingInfo`)."""
    info = SettingInfo(text, low, high, choices, live)
    return dataclasses.field(default=default, metadata={"setting": info})


def settings_of(config: Any) -> Iterator[tuple[str, Any, SettingInfo]]:
    """Yield (name, value, info) of each setting of a dataclass instance, in order."""
    for field in dataclasses.fields(config):
        if "setting" in field.metadata:
            yield field.name, getattr(config, field.name), field.metadata["setting"]


def check_settings(config: Any) -> None:
    """Compare every setting with its limits; call it from `__post_init__`.

    Raises:
        ValueError: names the setting, the value received and what is allowed.
    """
    for name, value, info in settings_of(config):
        if info.choices and value not in info.choices:
            raise InputError(f"{name} is {value!r}; use one of {', '.join(info.choices)}")
        # Written as "inside the range", so that NaN fails by itself.
        if info.low is not None and not value >= info.low:
            raise InputError(f"{name} is {value}; it must be at least {info.low}")
        if info.high is not None and not value <= info.high:
            raise InputError(f"{name} is {value}; it must be at most {info.high}")


def replace_settings(config: Config, values: dict[str, Any]) -> Config:
    """Copy `config` with those of `values` that are its settings; checked like a new one."""
    names = {name for name, _, _ in settings_of(config)}
    return dataclasses.replace(config, **{k: v for k, v in values.items() if k in names})  # type: ignore[type-var]
