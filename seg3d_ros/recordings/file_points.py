"""Points of a scene file, still in the axes and the unit of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.point_colors import find_colors
from seg3d_ros.scene import Float64, UInt8

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class FilePoints:
    """Content of a file.

    Attributes:
        positions: (P, 3) float64, as in the file; may hold NaN.
        colors: (P, 3) uint8 RGB; None where the file has none that can be read.
        fields: names of the properties in the file, for messages.
        notes: sentences on what was skipped or had to be guessed.
    """

    positions: Float64
    colors: UInt8 | None
    fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.positions)


def from_columns(columns: Mapping[str, Array]) -> FilePoints | None:
    """Points from named columns.

    Args:
        columns: (P,) values of each property; x, y, z in capitals or not, and colours in any
            spelling that `find_colors` knows.

    Returns:
        None where there is no x, y or z.
    """
    by_name = {name.lower(): values for name, values in columns.items()}
    if not all(axis in by_name for axis in "xyz"):
        return None
    positions = np.stack([by_name[axis] for axis in "xyz"], axis=1, dtype=np.float64)
    colors, notes = find_colors(by_name)
    return FilePoints(positions, colors, tuple(columns), notes)
