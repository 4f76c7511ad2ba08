"""ROS parameters made from settings: name, type, default, range and text come from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.errors import InputError
from seg3d_ros.node.settings import NodeSettings
from seg3d_ros.settings import SettingInfo, replace_settings, settings_of
from seg3d_ros.viewer.settings import ViewerSettings

_VIEWER = "viewer."
_UNBOUNDED = 1e12  # ROS ranges need both ends


@dataclasses.dataclass(frozen=True)
class _ListKind:
    """Settings that are lists: ROS cannot tell the type of an empty one, so we check ourselves.

    Attributes:
        ros_type: type in which an empty list is stored.
        item: type of the items.
        text: what to give.
    """

    ros_type: Any
    item: type
    text: str

    def checked(self, name: str, value: Any) -> tuple[Any, ...]:
        """The value as a tuple of items.

        Raises:
            InputError: it is no list of such items.
        """
        if isinstance(value, (list, tuple)) or hasattr(value, "typecode"):
            # A launch file cannot write an empty list of strings; [""] is what it gives instead.
            items = [item for item in value if item != ""]
            if self.item is float and all(type(item) is int for item in items):
                items = [float(item) for item in items]
            if all(type(item) is self.item for item in items):
                return tuple(items)
        raise InputError(f"{name} is {value!r}; give {self.text}, or [] for none")


_LIST_KINDS = {
    "tuple[str, ...]": _ListKind(
        Parameter.Type.STRING_ARRAY, str, "a list of texts such as ['a', 'b']"
    ),
    "tuple[float, ...]": _ListKind(
        Parameter.Type.DOUBLE_ARRAY, float, "a list of numbers such as [0.0, 1.0, 2.0]"
    ),
}


@dataclasses.dataclass(frozen=True)
class AllSettings:
    """Settings of the node and of the perception it runs."""

    node: NodeSettings = dataclasses.field(default_factory=NodeSettings)
    perception: PerceptionSettings = dataclasses.field(default_factory=PerceptionSettings)
    viewer: ViewerSettings = dataclasses.field(default_factory=ViewerSettings)

    def sections(self) -> Iterable[tuple[str, Any]]:
        """Every dataclass that holds settings, and what their names begin with."""
        yield from (("", section) for section in (self.node, *self.perception.sections()))
        yield _VIEWER, self.viewer

    def replace(self, values: dict[str, Any]) -> AllSettings:
        """Copy with these values, checked.

        Raises:
            InputError: a value is not allowed; names the setting and what is.
        """
        return AllSettings(
            node=replace_settings(self.node, values),
            perception=self.perception.with_values(values),
            viewer=replace_settings(
                self.viewer,
                {
                    name.removeprefix(_VIEWER): value
                    for name, value in values.items()
                    if name.startswith(_VIEWER)
                },
            ),
        )


def declare_parameters(node: Node) -> AllSettings:
    """Declare one parameter for each setting and read their values.

    Raises:
        InputError: a value given at start is not allowed.
    """
    defaults = AllSettings()
    values = {}
    for prefix, section in defaults.sections():
        for setting, default, info in settings_of(section):
            name = prefix + setting
            value = list(default) if isinstance(default, tuple) else default
            declared = node.declare_parameter(name, value, _descriptor(default, info))
            kind = _list_kind(section, setting)
            if kind is None:
                values[name] = declared.value
                continue
            values[name] = kind.checked(name, declared.value or [])
            if not declared.value:  # [] and None have no type that ROS could show
                node.set_parameters([Parameter(name, kind.ros_type, [])])
    return defaults.replace(values)


def changed(settings: AllSettings, parameters: list[Parameter]) -> AllSettings:
    """Settings after a change that a person asked for; parameters of others are passed over.

    Raises:
        InputError: a value is not allowed, or the setting cannot change while the node runs.
    """
    given = {parameter.name: parameter.value for parameter in parameters}
    values = {}
    for prefix, section in settings.sections():
        for setting, current, info in settings_of(section):
            name = prefix + setting
            if name not in given:
                continue
            kind = _list_kind(section, setting)
            values[name] = kind.checked(name, given[name]) if kind else given[name]
            if info.live or values[name] == current:
                continue
            raise InputError(
                f"{name} cannot change while the node runs; restart it with {given[name]!r}"
            )
    return settings.replace(values)


def _descriptor(default: Any, info: SettingInfo) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=info.text + ("" if info.live else " Takes effect at start."),
        additional_constraints=f"one of: {', '.join(info.choices)}" if info.choices else "",
        dynamic_typing=isinstance(default, tuple),  # else `ros2 param set NAME []` is refused
    )
    if info.low is None and info.high is None:
        return descriptor
    low = -_UNBOUNDED if info.low is None else info.low
    high = _UNBOUNDED if info.high is None else info.high
    if isinstance(default, int):
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
    elif isinstance(default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
        ]
    return descriptor


def _list_kind(section: Any, name: str) -> _ListKind | None:
    """Kind of a setting that is a list, None for others."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(section)}
    return _LIST_KINDS.get(kinds[name])
