"""Events of the map as messages."""

from __future__ import annotations

from collections.abc import Sequence

from seg3d_ros.msg import Event as EventMsg
from seg3d_ros.msg import EventArray
from seg3d_ros.node.conversions import header_msg, point_msg, time_msg
from seg3d_ros.objects.events import Event


def events_msg(fixed_frame: str, events: Sequence[Event]) -> EventArray:
    """Events as one message, stamped with the newest."""
    stamp_ns = events[-1].stamp_ns if events else 0
    return EventArray(
        header=header_msg(fixed_frame, stamp_ns), events=[_event_msg(event) for event in events]
    )


def _event_msg(event: Event) -> EventMsg:
    msg = EventMsg(
        kind=int(event.kind),
        provenance=int(event.provenance),
        stamp=time_msg(event.stamp_ns),
        id=event.id,
        other_id=event.other_id,
        label=event.label,
        text=event.sentence(),
    )
    if event.start is not None and event.end is not None:
        msg.start, msg.end = point_msg(event.start), point_msg(event.end)
    return msg
