"""ROS parameters made from settings: name, type, default, range and text come from there."""

from __future__ import annotations

import dataclasses
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from seg3d_ros.errors import InputError
from seg3d_ros.node.settings import AllSettings
from seg3d_ros.settings import SettingInfo, walk, with_values

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


_LIST_KINDS: dict[type | None, _ListKind] = {
    str: _ListKind(Parameter.Type.STRING_ARRAY, str, "a list of texts such as ['a', 'b']"),
    float: _ListKind(
        Parameter.Type.DOUBLE_ARRAY, float, "a list of numbers such as [0.0, 1.0, 2.0]"
    ),
}


def declare_parameters(node: Node) -> AllSettings:
    """Declare one parameter for each setting and read their values.

    Raises:
        InputError: a value given at start is not allowed.
    """
    values = {}
    for name, default, info in walk(AllSettings()):
        value = list(default) if info.items else default
        declared = node.declare_parameter(name, value, _descriptor(default, info))
        if info.items is None:
            values[name] = declared.value
            continue
        kind = _LIST_KINDS[info.items]
        values[name] = kind.checked(name, declared.value or [])
        if not declared.value:  # [] and None have no type that ROS could show
            node.set_parameters([Parameter(name, kind.ros_type, [])])
    return with_values(AllSettings(), values)


def changed(
    settings: AllSettings, parameters: list[Parameter], *, configured: bool
) -> AllSettings:
    """Settings after a change that a person asked for; parameters of others are passed over.

    Args:
        settings: in force.
        parameters: new values.
        configured: whether the node has taken over those that are not live.

    Raises:
        InputError: a value is not allowed, or the setting cannot change now.
    """
    given = {parameter.name: parameter.value for parameter in parameters}
    values = {}
    for name, current, info in walk(settings):
        if name not in given:
            continue
        kind = _LIST_KINDS.get(info.items)
        values[name] = kind.checked(name, given[name]) if kind else given[name]
        if configured and not info.live and values[name] != current:
            raise InputError(
                f"{name} cannot change while the node is configured; clean it up first, or "
                f"restart it with {given[name]!r}"
            )
    return with_values(settings, values)


def _descriptor(default: Any, info: SettingInfo) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=info.text + ("" if info.live else " Takes effect at the next configuration."),
        additional_constraints=f"one of: {', '.join(info.choices)}" if info.choices else "",
        dynamic_typing=info.items is not None,  # else `ros2 param set NAME []` is refused
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
