"""ROS parameters made from settings: name, type, default, range and text come from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from seg3d_ros.node.settings import NodeSettings
from seg3d_ros.pipeline import PerceptionSettings
from seg3d_ros.settings import SettingInfo, replace_settings, settings_of

_UNBOUNDED = 1e12  # ROS ranges need both ends
_EMPTY = {
    "tuple[str, ...]": Parameter.Type.STRING_ARRAY,
    "tuple[float, ...]": Parameter.Type.DOUBLE_ARRAY,
}


@dataclasses.dataclass(frozen=True)
class AllSettings:
    """Settings of the node and of the perception it runs."""

    node: NodeSettings = dataclasses.field(default_factory=NodeSettings)
    perception: PerceptionSettings = dataclasses.field(default_factory=PerceptionSettings)

    def sections(self) -> Iterable[Any]:
        """Every dataclass that holds settings; their names do not collide."""
        return (self.node, *self.perception.sections())

    def replace(self, values: dict[str, Any]) -> AllSettings:
        """Copy with these values, checked.

        Raises:
            ValueError: a value is not allowed; names the setting and what is.
        """
        return AllSettings(
            node=replace_settings(self.node, values),
            perception=self.perception.with_values(values),
        )


def declare_parameters(node: Node) -> AllSettings:
    """Declare one parameter for each setting and read their values.

    Raises:
        ValueError: a value given at start is not allowed.
    """
    defaults = AllSettings()
    values = {}
    for section in defaults.sections():
        kinds = {field.name: str(field.type) for field in dataclasses.fields(section)}
        for name, default, info in settings_of(section):
            # An empty list has no type that ROS could see, so the type is declared in its place.
            value = list(default) if isinstance(default, tuple) else default
            declared = node.declare_parameter(
                name, _EMPTY[kinds[name]] if value == [] else value, _descriptor(default, info)
            )
            values[name] = () if declared.value is None else _from_ros(declared.value)
            if declared.value is None:  # "[]" has no type either; unset, it would hide all others
                node.set_parameters([Parameter(name, _EMPTY[kinds[name]], [])])
    return defaults.replace(values)


def changed(settings: AllSettings, parameters: list[Parameter]) -> AllSettings:
    """Settings after a change that a person asked for; parameters of others are passed over.

    Raises:
        ValueError: a value is not allowed, or the setting cannot change while the node runs.
    """
    known = {
        name: (value, info) for s in settings.sections() for name, value, info in settings_of(s)
    }
    values = {p.name: _from_ros(p.value) for p in parameters if p.name in known}
    for name, value in values.items():
        current, info = known[name]
        if not info.live and value != current:
            raise ValueError(
                f"{name} cannot change while the node runs; restart it with {value!r}"
            )
    return settings.replace(values)


def _descriptor(default: Any, info: SettingInfo) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=info.text + ("" if info.live else " Takes effect at start."),
        additional_constraints=f"one of: {', '.join(info.choices)}" if info.choices else "",
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


def _from_ros(value: Any) -> Any:
    if isinstance(value, (list, tuple)) or hasattr(value, "typecode"):
        # A launch file cannot write an empty list of strings; [""] is what it gives instead.
        return tuple(item for item in value if item != "")
    return value
