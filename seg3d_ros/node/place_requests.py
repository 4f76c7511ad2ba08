"""Places and areas as messages ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seg3d_ros.errors import InputError
from seg3d_ros.msg import Area as AreaMsg
from seg3d_ros.msg import PlaceCondition as PlaceConditionMsg
from seg3d_ros.node.conversions import point_msg
from seg3d_ros.objects.areas import Area
from seg3d_ros.objects.places import PlaceCondition
from seg3d_ros.text.phrases import RELATION_WORDS, Relation


def place_condition(message: Any) -> PlaceCondition:
    """Condition of a PlaceCondition message.

    Raises:
        InputError: there is no such relation, or the condition makes no sense.
    """
    relation = RELATION_WORDS.get(message.relation.strip().lower())
    if relation is None:
        known = ", ".join(one.value for one in Relation)
        raise InputError(f"the relation {message.relation!r} is none of: {known}")
    return PlaceCondition(
        relation,
        tuple(map(int, message.ids)),
        message.label,
        negated=message.negated,
        distance=message.distance,
    )


def place_msg(condition: PlaceCondition) -> Any:
    """PlaceCondition message of a condition."""
    return PlaceConditionMsg(
        relation=condition.relation.value,
        ids=list(condition.ids),
        label=condition.label,
        negated=condition.negated,
        distance=float(condition.distance),
    )


def area_msgs(areas: Iterable[Area]) -> list[Any]:
    """Area messages in the fixed frame."""
    return [
        AreaMsg(name=area.name, corners=[point_msg((x, y, 0.0)) for x, y in area.corners])
        for area in areas
    ]
