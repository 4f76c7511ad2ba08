"""Filter of a frame's points, and the range image that it works on."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64, Frame
from seg3d_ros.settings import SettingError, check_settings, setting

# A slope of this many edge ratios a pixel is no surface but the curtain that stereo cameras hang
# between foreground and background: at 0.03 it lies within a degree or two of the view ray.
_STEEPEST_EDGES = 4

PAD = 2  # empty pixels around a range image: neighbours need no bounds check


@dataclasses.dataclass(frozen=True)
class FrameFilter:
    """Points outside these limits never reach the map."""

    min_range: float = setting(
        0.2, "Nearest distance from the sensor's origin, metres.", low=0.0, high=1000.0, live=True
    )
    max_range: float = setting(
        6.0, "Largest distance from the sensor's origin, metres.", low=0.01, high=1000.0, live=True
    )
    edge_ratio: float = setting(
        0.03,
        "Drop pixels of an organised cloud that bridge a depth edge: steps of at least this part "
        "of the distance both ways; 0 keeps them.",
        low=0.0,
        high=1.0,
        live=True,
    )
    crop_min: tuple[float, ...] = setting(
        (),
        "Lower corner x, y, z of the mapped box, map frame, metres; empty: none.",
        items=float,
        live=True,
    )
    crop_max: tuple[float, ...] = setting(
        (),
        "Upper corner x, y, z of the mapped box, map frame, metres; empty: none.",
        items=float,
        live=True,
    )

    def __post_init__(self) -> None:
        for name in ("crop_min", "crop_max"):
            object.__setattr__(self, name, tuple(float(v) for v in getattr(self, name)))
        check_settings(self)
        if not self.min_range < self.max_range:
            raise SettingError(
                "min_range", f"is {self.min_range}; it must be below max_range, {self.max_range}"
            )
        low, high = self.crop_box()
        if not (low < high).all():
            raise SettingError(
                "crop_min",
                f"is {self.crop_min}; on every axis it must be below crop_max, {self.crop_max}",
            )

    def crop_box(self) -> Float64:
        """Corners (2, 3) of the mapped box, metres; infinite where there is no limit.

        Raises:
            SettingError: a corner has neither no nor three coordinates.
        """
        box = np.array([[-np.inf] * 3, [np.inf] * 3])
        for row, name in enumerate(("crop_min", "crop_max")):
            corner = getattr(self, name)
            if len(corner) not in (0, 3):
                raise SettingError(name, f"is {corner}; give x, y, z or leave it empty")
            if corner:
                box[row] = corner
        return box


class RangeLimits(NamedTuple):
    """Bounds of squared ranges for `keep_row`.

    Attributes:
        near: smallest, m².
        far: largest, m².
        edge_step: smallest ratio between neighbours that is a depth edge.
        steepest: largest ratio across two steps that a surface may have.
    """

    near: np.float32
    far: np.float32
    edge_step: np.float32
    steepest: np.float32


def range_limits(frame_filter: FrameFilter, *, organised: bool) -> RangeLimits:
    """Limits of a filter; in a cloud that is no image nothing is an edge."""
    ratio = frame_filter.edge_ratio if organised and frame_filter.edge_ratio else np.inf
    return RangeLimits(
        np.float32(frame_filter.min_range**2),
        np.float32(frame_filter.max_range**2),
        np.float32((1 + ratio) ** 2),
        np.float32((1 + ratio) ** (2 * 2 * _STEEPEST_EDGES)),
    )


def range_image(frame: Frame) -> Float32:
    """Squared distances from the sensor as a padded image.

    Squares serve as well as distances for comparing, and cost no root.

    Returns:
        (H + 2 PAD, W + 2 PAD) float32, m²; 0 in the padding and where nothing was measured.
        A frame without a grid is one row.
    """
    height, width = frame.grid or (1, len(frame.points))
    ranges = np.zeros((height + 2 * PAD, width + 2 * PAD), np.float32)
    _fill_ranges(frame.points, ranges)
    return ranges


@kernel
def _fill_ranges(points, ranges):  # type: ignore[no-untyped-def]
    width = ranges.shape[1] - 2 * PAD
    for v in range(ranges.shape[0] - 2 * PAD):
        row = points[v * width : (v + 1) * width]
        for u in range(width):
            x, y, z = row[u, 0], row[u, 1], row[u, 2]
            squared = x * x + y * y + z * z
            # NaN fails the comparison too.
            ranges[v + PAD, u + PAD] = squared if 0 < squared < np.inf else np.float32(0)


@kernel(inline="always")
def _bridges(a, b, c, d, e, limits):  # type: ignore[no-untyped-def]
    """Is c, of five neighbours in a line, part of a slope that is short or steeper than surfaces?

    A pixel that averages foreground and background makes a slope of two or three steps; a steep
    surface goes on. A neighbour without measurement, 0, ends the slope.
    """
    step = limits.edge_step
    rises = (b > 0) & (c > step * b) & (d > step * c)
    falls = (d > 0) & (c > step * d) & (b > step * c)
    rises_on = (a > 0) & (b > step * a) & (e > step * d)
    falls_on = (e > 0) & (d > step * e) & (a > step * b)
    rises_on &= d <= limits.steepest * b
    falls_on &= b <= limits.steepest * d
    return (rises & ~rises_on) | (falls & ~falls_on)


@kernel
def keep_row(ranges, row, limits, keep):  # type: ignore[no-untyped-def]
    """Mark the pixels of an image row that are in range and bridge no depth edge.

    Free of branches, so that the compiler makes vector code of it.

    Args:
        ranges: padded image of squared ranges.
        row: row of the image, padding not counted.
        limits: RangeLimits.
        keep: (W,) bool, written.
    """
    v = row + PAD
    for column in range(keep.size):
        u = column + PAD
        c = ranges[v, u]
        across = _bridges(
            ranges[v, u - 2],
            ranges[v, u - 1],
            c,
            ranges[v, u + 1],
            ranges[v, u + 2],
            limits,
        )
        down = _bridges(
            ranges[v - 2, u],
            ranges[v - 1, u],
            c,
            ranges[v + 1, u],
            ranges[v + 2, u],
            limits,
        )
        in_range = (c > 0) & (c >= limits.near) & (c <= limits.far)
        keep[column] = in_range & ~(across | down)
