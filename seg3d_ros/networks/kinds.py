"""Kinds of voxels that `mini` tells apart."""

from __future__ import annotations

OBJECT, FLOOR, WALL, CEILING = range(4)
STRUCTURE = ("floor", "wall", "ceiling")  # names of the kinds from 1 on
