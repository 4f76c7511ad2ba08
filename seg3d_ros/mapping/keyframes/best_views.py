"""Best views of an object: keyframes that show it large, whole and sharp, from several sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.mapping.keyframes.keyframe import Keyframe
from seg3d_ros.mapping.keyframes.visibility import project
from seg3d_ros.scene import Float32, Float64

MOST_VIEWS = 5  # of an object
_SAMPLES = 256  # points of an object that are looked for in a keyframe
_FINE_SAMPLES = 4096  # for the box of a view that is kept
_MIN_SEEN = 0.08  # of the points; fewer are a glimpse between other things
_MIN_SIDE_PX = 12
_ENOUGH_PX = 200  # side of a picture that encoders see about whole; more adds nothing
_OUTLIERS = 0.01  # share of an object's pixels on either side that its box may leave out
_MARGIN_PX = 2
_APART = np.cos(np.radians(20))  # views from nearer directions show the same
_WORTH = 0.3  # of the best score; a poorer view is not worth its direction


@dataclass(frozen=True, eq=False)
class ObjectView:
    """An object in a keyframe.

    Attributes:
        keyframe: that shows it.
        box: left, top, right, bottom, pixels; right and bottom are the first beyond.
        visible: share of the object's points that the picture shows, in [0, 1].
        score: in [0, 1]; see `best_views`.
        direction: (3,) unit vector from the object to the camera, map frame.
    """

    keyframe: Keyframe
    box: tuple[int, int, int, int]
    visible: float
    score: float
    direction: Float64

    @property
    def width(self) -> int:
        """Width of the box, pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """Height of the box, pixels."""
        return self.box[3] - self.box[1]


def best_views(
    points: Float64, keyframes: Iterable[Keyframe], *, known: Sequence[ObjectView] = ()
) -> tuple[ObjectView, ...]:
    """Choose views of an object.

    The score of a view is the product of four shares: visible points; points within the image,
    squared; side of its box in pixels, up to one that is enough; sharpness of the picture.

    Args:
        points: (N, 3) float64 of the object, map frame, metres; N >= 1.
        keyframes: to look in.
        known: views that were chosen before and are still true; they stay in the contest.

    Returns:
        At most MOST_VIEWS, best first, each from another direction.
    """
    sample = _thinned(points, _SAMPLES)
    center = points.mean(axis=0)
    seen = [view for keyframe in keyframes if (view := _look(sample, center, keyframe))]
    chosen = _choose([*known, *seen])
    fine = _thinned(points, _FINE_SAMPLES)
    return tuple(view if view in known else _with_fine_box(view, fine) for view in chosen)


def _choose(candidates: Sequence[ObjectView]) -> list[ObjectView]:
    """The best views, none from the direction of a better one."""
    chosen: list[ObjectView] = []
    for view in sorted(candidates, key=lambda view: (-view.score, view.keyframe.id)):
        if len(chosen) == MOST_VIEWS or (chosen and view.score < _WORTH * chosen[0].score):
            break
        if all(view.direction @ other.direction < _APART for other in chosen):
            chosen.append(view)
    return chosen


def _look(points: Float64, center: Float64, keyframe: Keyframe) -> ObjectView | None:
    """The object in a keyframe; None where that shows too little of it."""
    projection = project(points, keyframe)
    visible = projection.visible.mean()
    if visible < _MIN_SEEN:
        return None
    camera = keyframe.camera
    inside = (abs(projection.u - (camera.width - 1) / 2) < camera.width / 2 - _MARGIN_PX) & (
        abs(projection.v - (camera.height - 1) / 2) < camera.height / 2 - _MARGIN_PX
    )
    box = _box(projection.u[projection.visible], projection.v[projection.visible], keyframe)
    side = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
    if side < _MIN_SIDE_PX:
        return None
    score = visible * inside.mean() ** 2 * min(1.0, side / _ENOUGH_PX) * keyframe.sharpness
    towards = keyframe.map_from_camera[:3, 3] - center
    direction = towards / max(float(np.linalg.norm(towards)), 1e-9)
    return ObjectView(keyframe, box, float(visible), float(score), direction)


def _with_fine_box(view: ObjectView, points: Float64) -> ObjectView:
    projection = project(points, view.keyframe)
    if not projection.visible.any():
        return view
    u, v = projection.u[projection.visible], projection.v[projection.visible]
    return replace(view, box=_box(u, v, view.keyframe))


def _box(u: Float32, v: Float32, keyframe: Keyframe) -> tuple[int, int, int, int]:
    """Box around pixels; a mask has strays, which it leaves out."""
    (left, right), (top, bottom) = _inner(u), _inner(v)
    camera = keyframe.camera
    return (
        max(0, int(left) - _MARGIN_PX),
        max(0, int(top) - _MARGIN_PX),
        min(camera.width, int(right) + 1 + _MARGIN_PX),
        min(camera.height, int(bottom) + 1 + _MARGIN_PX),
    )


def _inner(values: Float32) -> tuple[float, float]:
    """Range of values without the outliers on either side; ten times as fast as percentiles."""
    ordered = np.sort(values)
    left_out = int(_OUTLIERS * len(ordered))
    return float(ordered[left_out]), float(ordered[-1 - left_out])


def _thinned(points: Float64, most: int) -> Float64:
    """Every so many-th point, at most about so many, in order."""
    return np.ascontiguousarray(points[:: max(1, len(points) // most)])
