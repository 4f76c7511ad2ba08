"""Messages that no driver should send, as some do."""

from __future__ import annotations

import array
from collections.abc import Iterator
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from tf2_msgs.msg import TFMessage

from seg3d_ros.srv import SetVocabulary
from support import toy_room
from support.harness import cloud_of, images_of, transform_msg

DEPTH, COLOR = toy_room.cast(toy_room.views(3)[1])
HUGE = 2**32 - 1
RINGS = (("", "camera"), ("map", ""), ("camera", "camera"), ("a", "b"), ("b", "a"))


def clouds() -> Iterator[PointCloud2]:
    """Clouds of which no point may reach the map; the first field that is wrong is named."""
    yield _cloud(point_step=0)
    yield _cloud(point_step=3)
    yield _cloud(point_step=HUGE)
    yield _cloud(row_step=1)
    yield _cloud(row_step=HUGE)
    yield _cloud(height=0)
    yield _cloud(height=HUGE, width=HUGE)
    yield _cloud(width=100_000)
    yield _cloud(fields=[])
    yield _cloud(fields=_cloud().fields[1:])
    yield _cloud(fields=[PointField(name=n, offset=HUGE, datatype=7, count=1) for n in "xyz"])
    yield _cloud(fields=[PointField(name=n, offset=0, datatype=99, count=1) for n in "xyz"])
    yield _cloud(data=array.array("B"))
    yield _cloud(data=_cloud().data[:-1])
    yield cloud_of(np.full_like(DEPTH, np.nan), COLOR)
    yield cloud_of(np.full_like(DEPTH, np.inf), COLOR)
    yield cloud_of(np.full_like(DEPTH, 1e30), COLOR)
    yield cloud_of(np.zeros_like(DEPTH), COLOR)


def images() -> Iterator[tuple[Image, Image, CameraInfo]]:
    """Colour, depth and calibration that do not fit together."""
    color, depth, info = images_of(DEPTH, COLOR)
    for encoding in ("", "nv21", "32FC1", "no such\x00thing"):
        yield _changed(color, encoding=encoding), depth, info
    for encoding in ("", "rgb8", "64FC1"):
        yield color, _changed(depth, encoding=encoding), info
    yield images_of(DEPTH, COLOR[::2])
    yield images_of(DEPTH[:7, :9], COLOR)
    # These may meet the calibration of the triple before, with which they would be good.
    _, blind, _ = images_of(np.full_like(DEPTH, np.nan), COLOR)
    yield color, blind, _changed(info, width=7)
    yield color, blind, _changed(info, k=np.zeros(9))
    yield color, blind, _changed(info, k=np.full(9, np.nan))
    for change in ({"height": HUGE}, {"width": HUGE}, {"step": 1}, {"data": array.array("B")}):
        yield _changed(color, **change), depth, info
        yield color, _changed(depth, **change), info


def transforms(stamp_ns: int) -> Iterator[TFMessage]:
    """Transforms that are none; the frames hang where good ones could."""
    yield TFMessage()
    for field, axis, value in (
        ("rotation", "w", np.nan),
        ("rotation", "x", np.inf),
        ("translation", "x", np.nan),
        ("translation", "z", np.inf),
    ):
        bad = transform_msg(np.eye(4), "map", "camera", stamp_ns)
        setattr(getattr(bad.transform, field), axis, float(value))
        yield TFMessage(transforms=[bad])
    zero = transform_msg(np.eye(4), "map", "camera", stamp_ns)
    zero.transform.rotation.w = 0.0
    yield TFMessage(transforms=[zero])
    for parent, child in RINGS:
        yield TFMessage(transforms=[transform_msg(np.eye(4), parent, child, stamp_ns)])
    names = [f"made_up_{i}" for i in range(1_200)]
    yield TFMessage(transforms=[transform_msg(np.eye(4), "map", n, stamp_ns) for n in names])


def vocabularies() -> Iterator[SetVocabulary.Request]:
    """Words that nobody means."""
    for labels in ([], [""], ["\x07"], ["a", "a"], ["|"], ["x" * 100_000], ["y"] * 10_001):
        yield SetVocabulary.Request(labels=labels)


def _cloud(**changes: Any) -> PointCloud2:
    return _changed(cloud_of(DEPTH, COLOR), **changes)


def _changed(message: Any, **changes: Any) -> Any:
    copy = type(message)(**{n: getattr(message, n) for n in message.get_fields_and_field_types()})
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy
