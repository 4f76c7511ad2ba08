"""Settings: limits, and trees of them with dotted names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from seg3d_ros.node.settings import AllSettings
from seg3d_ros.settings import SettingError, check_settings, setting, walk, with_values

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Range:
    low: float = setting(1.0, "Lower end, metres.", low=0.0, high=9.0, live=True)
    high: float = setting(2.0, "Upper end, metres.")
    note: str = "not a setting"

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.low < self.high:
            raise SettingError("low", f"is {self.low}; it must be below high, {self.high}")


@dataclass(frozen=True)
class Inner:
    range: Range = field(default_factory=Range)
    kind: str = setting("plain", "Kind.", choices=("plain", "odd"))

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class Tree:
    size: int = setting(3, "Size.", low=1)
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        check_settings(self)


def test_a_tree_is_walked_in_order_with_dotted_names() -> None:
    found = [(name, value) for name, value, _ in walk(Tree(size=4))]
    assert found == [
        ("size", 4), ("inner.range.low", 1.0), ("inner.range.high", 2.0), ("inner.kind", "plain"),
    ]  # fmt: skip
    assert [name for name, _, info in walk(Tree()) if info.live] == ["inner.range.low"]


def test_values_are_put_where_their_names_say() -> None:
    tree = Tree(size=7)
    changed = with_values(tree, {"inner.range.low": 5, "inner.range.high": 6.0})
    assert changed == Tree(7, Inner(Range(5.0, 6.0)))
    assert tree == Tree(size=7), "the tree that was copied stays"
    assert with_values(tree, {name: value for name, value, _ in walk(changed)}) == changed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 2.5}, "size is 2.5; give a whole number"),
        ({"size": True}, "size is True; give a whole number"),
        ({"inner.range.low": "far"}, "inner.range.low is 'far'; give a number"),
        ({"inner.kind": None}, "inner.kind is None; give a text"),
        ({"size": 0}, "size is 0; it must be at least 1"),
        ({"inner.kind": "new"}, "inner.kind is 'new'; use one of plain, odd"),
        ({"inner.range.low": 10.0}, "inner.range.low is 10.0; it must be at most 9.0"),
        ({"inner.range.low": math.nan}, "inner.range.low is nan; it must be at least 0.0"),
        ({"inner.range.high": 0.5}, "inner.range.low is 1.0; it must be below high, 0.5"),
        ({"color": 1}, "color is no setting"),
        ({"inner": 1}, "inner is no setting"),
        ({"size.low": 1}, "size.low is no setting"),
        ({"inner.range.note": "x"}, "inner.range.note is no setting"),
        ({"inner.rang.low": 1.0}, "inner.rang.low is no setting"),
    ],
)
def test_a_wrong_value_is_refused_under_its_dotted_name(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError) as refused:
        with_values(Tree(), values)
    assert str(refused.value) == message


def groups(tree: Any) -> Iterator[type]:
    """Classes of a tree and of all groups in it."""
    yield type(tree)
    for inner in fields(tree):
        if is_dataclass(value := getattr(tree, inner.name)):
            yield from groups(value)


def test_every_setting_of_the_package_can_be_reached() -> None:
    reached = set(groups(AllSettings()))
    found = 0
    for file in sorted((ROOT / "seg3d_ros").rglob("*.py")):
        if " = setting(" not in file.read_text(encoding="utf-8"):
            continue
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for held in vars(import_module(name)).values():
            if getattr(held, "__module__", "") != name or not is_dataclass(held):
                continue
            if any("setting" in inner.metadata for inner in fields(held)):
                found += 1
                assert any(issubclass(group, held) for group in reached), held
    assert found > 15
