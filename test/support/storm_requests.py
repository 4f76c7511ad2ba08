"""Requests and parameters of a storm: sensible ones, and those that nobody would send."""

from __future__ import annotations

import random
from typing import Any

from geometry_msgs.msg import Point, PointStamped
from std_msgs.msg import Header

from seg3d_ros.msg import Area, PlaceCondition
from seg3d_ros.node.services import SERVICES
from seg3d_ros.srv import (
    EditObjects,
    GetApproach,
    GetObjectCloud,
    GetObjectImage,
    MapFile,
    QueryObjects,
    SegmentAtPoints,
    SetArea,
    SetVocabulary,
)
from support import malformed, toy_room

HUGE = 2**32 - 1
_IDS = (0, 1, 2, 3, 4, HUGE)
_METRES = ("robot_radius", "robot_height", "min_distance", "max_distance", "camera_height")
PHRASES = ("box on the floor", "not next to object 1", "how many boxes here", "nearest to nothing")
TEXTS = (
    *("", "chair", "box", "something to sit on", "\x00", "\u202eevil", "x" * 5_000, "a\nb"),
    *("%s%n", "{}", "-wall", "|", "\u200b", " "),
)
NUMBERS = (0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e30, 1e300, 1e-320)
# By name; the first value of each is the default.
PARAMETERS: dict[str, list[Any]] = {
    "input.tf_timeout": [0.5, 0.0, -1.0, float("nan"), 1e9],
    "segmentation.period": [0.5, 0.3, 0.0, -1.0, float("nan"), float("inf")],
    "node.clear_on_time_jump": [False, True, "x", 1],
    "segmentation.radius": [0.0, 3.0, -1.0, float("nan")],
    "map.carve_free_space": [True, False, 3],
    "input.min_range": [0.2, 0.0, 7.0, -1.0, float("nan")],
    "input.max_range": [6.0, 1000.0, 0.01, 1e30],
    "tracking.confirm_views": [1, 2, 0, -1, 10**9],
    "tracking.max_objects": [2000, 5, 0, -3],
    "tracking.match_iou": [0.25, 1.0, 2.0, float("nan")],
    "map.voxel_size": [0.02, 0.05],
    "segmentation.model": ["geometric", "mini"],
}


def draw_request(rng: random.Random, name: str, map_file: str) -> Any:
    """A request to a service of the node; maps are saved to and loaded from one file."""
    match name:
        case "set_vocabulary":
            return _vocabulary(rng)
        case "segment_at_points":
            return SegmentAtPoints.Request(
                **_clicks(rng),
                refine_id=rng.choice([0, 0, 0, 1, 2, HUGE]),
                name=rng.choice(["", "mug", *TEXTS]),
            )
        case "query_objects":
            return QueryObjects.Request(
                text=rng.choice(["", "", *TEXTS, *PHRASES]),
                places=[_place(rng) for _ in range(rng.choice([0, 0, 1, 101]))],
                area=rng.choice(["", "", "here", *TEXTS]),
                label=rng.choice(["", "", *TEXTS]),
                ids=[rng.choice([0, 1, 2, HUGE]) for _ in range(rng.choice([0, 0, 1, 2_000]))],
                near=PointStamped(header=_header(rng), point=_point(rng)),
                radius=rng.choice([0.0, 0.0, 2.0, -1.0, float("nan"), 1e30]),
                max_results=rng.choice([0, 1, HUGE]),
            )
        case "get_object_cloud":
            return GetObjectCloud.Request(id=rng.choice(_IDS))
        case "get_object_image":
            return GetObjectImage.Request(
                id=rng.choice(_IDS), max_images=rng.choice([0, 1, HUGE]), whole=rng.random() < 0.5
            )
        case "edit_objects":
            return EditObjects.Request(
                **_clicks(rng),
                operation=rng.choice([*range(1, 8), 0, 255]),
                ids=[rng.choice(_IDS) for _ in range(rng.choice([0, 1, 1, 2, 2, 2_000]))],
                name=rng.choice(["", "mug", *TEXTS]),
            )
        case "save_map" | "load_map":
            paths = ["", "/", "/proc/x", "/dev/full/x", "a" * 300, "~nobody_here/x", "\x00"]
            unreadable = ["/dev/zero", "/proc/self/mem"] if name == "load_map" else []
            path = rng.choice([map_file] * 8 + paths + unreadable)
            return MapFile.Request(path=path, relocalise=rng.random() < 0.2)
        case "set_area":
            area = Area(name=rng.choice(["", "here", *TEXTS]), corners=_clicks(rng)["points"])
            return SetArea.Request(header=_header(rng), area=area)
        case "get_approach":
            numbers = {name: rng.choice([0.0, *NUMBERS[:6]]) for name in _METRES}
            start = PointStamped(header=_header(rng), point=_point(rng))
            return GetApproach.Request(
                id=rng.choice(_IDS), start=start, max_results=rng.choice([0, 1, HUGE]), **numbers
            )
        case "segment_now" | "clear_map":
            return SERVICES[name].Request()
        case _:
            raise ValueError(f"storms have no request for the service {name!r} yet")


def _place(rng: random.Random) -> PlaceCondition:
    return PlaceCondition(
        relation=rng.choice(["", "on", "near", "between", *TEXTS]),
        ids=[rng.choice(_IDS) for _ in range(rng.choice([0, 1, 2]))],
        label=rng.choice(["", "box", *TEXTS]),
        negated=rng.random() < 0.3,
        distance=rng.choice(NUMBERS[:6]),
    )


def _vocabulary(rng: random.Random) -> SetVocabulary.Request:
    if rng.random() < 0.3:
        return rng.choice(list(malformed.vocabularies()))
    templates = [rng.choice(["a {}", "{}", "no", "{", "{0}", "{x}"])] * rng.randrange(2)
    labels = [rng.choice(TEXTS) for _ in range(rng.randint(1, 5))]
    return SetVocabulary.Request(labels=labels, prompt_templates=templates)


def _clicks(rng: random.Random) -> dict[str, Any]:
    return {
        "header": _header(rng),
        "points": [_point(rng) for _ in range(rng.choice([0, 1, 1, 1, 2, 101]))],
        "foreground": [rng.random() < 0.6 for _ in range(rng.choice([0, 0, 1, 2]))],
    }


def _header(rng: random.Random) -> Header:
    header = Header(frame_id=rng.choice(["", "", "map", "/map", "camera", "nowhere", "\u202e"]))
    header.stamp.sec = rng.choice([0, 0, -(2**31), 2**31 - 1])
    header.stamp.nanosec = rng.choice([0, HUGE])
    return header


def _point(rng: random.Random) -> Point:
    if rng.random() < 0.6:
        box = rng.choice(toy_room.BOXES)
        return Point(x=float(box.center[0]), y=float(box.center[1]), z=float(box.high[2]))
    return Point(**{axis: rng.choice([*NUMBERS, rng.uniform(-3, 3)]) for axis in "xyz"})
