"""Named areas of a map: polygons seen from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.array_archive import split_rows
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.rooms import room_around
from seg3d_ros.objects.sizes import floor_of
from seg3d_ros.scene import Float64, Scene
from seg3d_ros.text.labels import check_text, fold

MAX_AREAS = 1000
MAX_CORNERS = 1000


@dataclass(frozen=True, eq=False)
class Area:
    """Polygon with a name, of any height.

    Attributes:
        name: unique, whatever its case.
        corners: (K, 2) float64 x and y of the map frame, metres, in order around it; K >= 3.

    Raises:
        InputError: the name is no printable text, or the corners are too few, too many, not
            finite or all on one line.
    """

    name: str
    corners: Float64

    def __post_init__(self) -> None:
        check_text(self.name, "the name of an area")
        corners = self.corners
        if corners.ndim != 2 or corners.shape[1] != 2 or not 3 <= len(corners) <= MAX_CORNERS:
            raise InputError(
                f"area {self.name!r} has corners of shape {corners.shape}; give 3 to "
                f"{MAX_CORNERS} of them, x and y each"
            )
        if not np.isfinite(corners).all():
            raise InputError(f"a corner of area {self.name!r} holds NaN or infinity")
        if not self._size():
            raise InputError(f"area {self.name!r} encloses nothing: its corners are on one line")

    def _size(self) -> float:
        """Enclosed area, m²."""
        x, y = (self.corners - self.corners[0]).T
        return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2

    def holds(self, place: Float64) -> bool:
        """Whether (2,) or (3,) a place of the map frame is in it, by the even-odd rule."""
        x, y = self.corners.T
        next_x, next_y = np.roll(x, -1), np.roll(y, -1)
        crossing = (y > place[1]) != (next_y > place[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = x + (place[1] - y) / (next_y - y) * (next_x - x)
        return bool(np.count_nonzero(crossing & (place[0] < at)) % 2)


def room_area(name: str, scene: Scene, place: Float64) -> Area:
    """Area of the room around a place (2,) or (3,), map frame, metres.

    Raises:
        InputError: no floor or no room was seen there.
    """
    floor = floor_of(scene)
    if floor is None:
        raise InputError("no floor was seen, and so no room; give the corners of the area")
    return Area(name, room_around(scene, floor, place))


def find_area(areas: Sequence[Area], name: str) -> Area | None:
    """Area with a name, its case ignored; None: there is none."""
    return next((area for area in areas if fold(area.name) == fold(name)), None)


def with_area(areas: Sequence[Area], area: Area) -> tuple[Area, ...]:
    """Areas by name with another one, in place of the one of its name.

    Raises:
        InputError: there are MAX_AREAS already.
    """
    others = without_area(areas, area.name)
    if len(others) >= MAX_AREAS:
        raise InputError(f"the map has {MAX_AREAS} areas, which is all it can have; remove one")
    return tuple(sorted((*others, area), key=lambda kept: fold(kept.name)))


def without_area(areas: Sequence[Area], name: str) -> tuple[Area, ...]:
    """Areas without the one of a name."""
    return tuple(area for area in areas if fold(area.name) != fold(name))


def pack_areas(areas: Sequence[Area]) -> dict[str, npt.NDArray[Any]]:
    """Areas as flat arrays without pickled parts."""
    return {
        "area_name": np.array([area.name for area in areas], np.str_),
        "area_corners": np.concatenate([np.empty((0, 2)), *(area.corners for area in areas)]),
        "area_length": np.array([len(area.corners) for area in areas], np.int64),
    }


def unpack_areas(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Area, ...]:
    """Areas of `pack_areas`; none where a file has no such arrays. Trusts nothing.

    Raises:
        InputError: the arrays do not fit each other, or their values are impossible.
    """
    if "area_name" not in arrays:
        return ()
    areas: tuple[Area, ...] = ()
    try:
        lengths, corners = arrays["area_length"], arrays["area_corners"].astype(np.float64)
        polygons = split_rows(corners, lengths, "areas")
        for name, polygon in zip(arrays["area_name"].tolist(), polygons, strict=True):
            areas = with_area(areas, Area(str(name), polygon))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the stored areas are damaged: {error!r}") from error
    return areas
