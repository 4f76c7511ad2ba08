"""Details of an object as HTML; every text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from html import escape

from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.objects.events import Event
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.object_picture import picture_of
from seg3d_ros.scene import Float64
from seg3d_ros.viewer.overlay import shortened

_MAX_EVENTS = 5
_MAX_PICTURES = 3


def details_html(known: MapObject, events: Sequence[Event]) -> str:
    """Table of what is known of an object; its newest events come first."""
    rows = [
        ("number", str(known.id)),
        ("name", shortened(known.label) + (" (given)" if known.pinned_label else "")),
        (
            "may be",
            ", ".join(f"{shortened(c.label)} {c.probability:.2f}" for c in known.candidates),
        ),
        ("score", f"{known.score:.2f}"),
        ("center", _metres(known.box.center, ", ")),
        ("size", _metres(known.box.size, " x ")),
        ("voxels", f"{len(known):,}"),
        ("seen", f"{known.views} times"),
        ("first seen", _time(known.first_seen_ns)),
        ("last seen", _time(known.last_seen_ns)),
        ("by hand", "made, refined or locked" if known.prompted else ""),
        *[
            (_time(event.stamp_ns) or "event", shortened(event.sentence()))
            for event in [event for event in reversed(events) if event.id == known.id][
                :_MAX_EVENTS
            ]
        ],
    ]
    cells = "".join(
        f'<tr><td style="opacity:0.6;padding-right:1em;white-space:nowrap">{escape(name)}</td>'
        f"<td>{escape(value)}</td></tr>"
        for name, value in rows
        if value
    )
    return f'<table style="font-size:0.8em;margin:0.3em 1em">{cells}</table>'


def pictures_html(object_id: int, views: Sequence[ObjectView]) -> str:
    """Pictures of an object, best first.

    Raises:
        InputError: a picture comes from a damaged file.
    """
    return "".join(_picture_html(object_id, view) for view in views[:_MAX_PICTURES])


@lru_cache(maxsize=4 * _MAX_PICTURES)  # those of the objects chosen last
def _picture_html(object_id: int, view: ObjectView) -> str:
    jpeg = base64.b64encode(picture_of(view, object_id).jpeg).decode()
    return (
        f'<img alt="object {object_id}" src="data:image/jpeg;base64,{jpeg}" '
        'style="max-width:46%;max-height:9em;margin:0.2em 1%">'
    )


def _metres(values: Float64, between: str) -> str:
    return between.join(f"{value:.2f}" for value in values) + " m"


def _time(stamp_ns: int) -> str:
    """Time of day; seconds where the clock began at zero, as in simulations."""
    seconds = stamp_ns / 1e9
    if seconds < 1e9:
        return f"{seconds:.1f} s" if stamp_ns else ""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
