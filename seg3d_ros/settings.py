"""Settings: dataclass fields that carry their own documentation and limits.

Every component keeps its settings in a frozen dataclass whose fields are made with `setting`.
The command line, the ROS parameters and the documentation are generated from the same fields,
so that a default, a limit and its explanation are written once.

Dataclasses that are fields of others are groups: together they make a tree, whose settings have
dotted names such as "map.voxel_size".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar

from seg3d_ros.errors import InputError

Config = TypeVar("Config")
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a tuple",
}


@dataclasses.dataclass(frozen=True)
class SettingInfo:
    """Documentation and limits of a field made with `setting`.

    Attributes:
        text: one sentence with the unit.
        low: smallest allowed value, None where there is none.
        high: largest allowed value, None where there is none.
        choices: allowed values of a string, empty where any is.
        items: type of the items of a tuple, None for other values.
        live: True when a running node can change it.
    """

    text: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    items: type | None = None
    live: bool = False


def setting(
    default: Any,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    items: type | None = None,
    live: bool = False,
) -> Any:
    """Declare a dataclass field with its default, explanation and limits (see `SettingInfo`)."""
    info = SettingInfo(text, low, high, choices, items, live)
    return dataclasses.field(default=default, metadata={"setting": info})


class SettingError(InputError):
    """A value that a setting cannot have.

    Attributes:
        name: of the setting, dotted where it lies in a group.
        reason: rest of the sentence that begins with the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


def walk(tree: Any) -> Iterator[tuple[str, Any, SettingInfo]]:
    """Yield (dotted name, value, info) of each setting of a tree, in order."""
    for field in dataclasses.fields(tree):
        value = getattr(tree, field.name)
        if "setting" in field.metadata:
            yield field.name, value, field.metadata["setting"]
        elif dataclasses.is_dataclass(value):
            yield from ((f"{field.name}.{name}", *rest) for name, *rest in walk(value))


def with_values(tree: Config, values: Mapping[str, Any]) -> Config:
    """Copy of a tree with other values, checked like a new one.

    Args:
        tree: settings and groups of settings.
        values: by dotted name.

    Raises:
        SettingError: a value is not allowed, or no setting has the name.
    """
    names = {name for name, _, _ in walk(tree)}
    own: dict[str, Any] = {}
    of_groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name not in names:
            raise SettingError(name, "is no setting")
        group, dot, rest = name.partition(".")
        if dot:
            of_groups.setdefault(group, {})[rest] = value
        else:
            own[name] = value
    for group, inner in of_groups.items():
        try:
            own[group] = with_values(getattr(tree, group), inner)
        except SettingError as error:
            raise SettingError(f"{group}.{error.name}", error.reason) from None
    return dataclasses.replace(tree, **own)  # type: ignore[type-var]


def check_settings(config: Any) -> None:
    """Compare every setting with its type and its limits; call it from `__post_init__`.

    Raises:
        SettingError: names the setting, the value received and what is allowed.
    """
    for field in dataclasses.fields(config):
        info = field.metadata.get("setting")
        if info is None:
            continue
        name, value = field.name, getattr(config, field.name)
        if not _is_like(field.default, value):
            raise SettingError(name, f"is {value!r}; give {_KINDS[type(field.default)]}")
        if info.choices and value not in info.choices:
            raise SettingError(name, f"is {value!r}; use one of {', '.join(info.choices)}")
        # Written as "inside the range", so that NaN fails by itself.
        if info.low is not None and not value >= info.low:
            raise SettingError(name, f"is {value}; it must be at least {info.low}")
        if info.high is not None and not value <= info.high:
            raise SettingError(name, f"is {value}; it must be at most {info.high}")


def _is_like(default: Any, value: Any) -> bool:
    """Whether a value has the type of a default; numbers of numpy and whole ones are numbers."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, int):
        return isinstance(value, Integral)
    return isinstance(value, Real if isinstance(default, float) else type(default))
