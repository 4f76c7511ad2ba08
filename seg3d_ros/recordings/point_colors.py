"""Colours of points: the spellings and the ranges that programs write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Bool, UInt8

GREY = 128  # of points without a colour
_CHANNELS = (("red", "green", "blue"), ("r", "g", "b"))
_PREFIXES = ("", "diffuse_", "scalar_", "color_", "vertex_", "col_", "ambient_")
_SUFFIXES = ("", "f")  # CloudCompare names real numbers Rf, Gf, Bf
_SPLAT = ("f_dc_0", "f_dc_1", "f_dc_2")  # Gaussian splats: spherical harmonics of degree 0
_SPLAT_BASIS = 0.28209479177387814  # 1 / (2 sqrt(pi))
_PACKED = ("rgb", "rgba", "color", "colors")

Array = npt.NDArray[Any]


def find_colors(columns: Mapping[str, Array]) -> tuple[UInt8 | None, tuple[str, ...]]:
    """Find the colours among the properties of points.

    Args:
        columns: (P,) values by lower-case name: red or r, diffuse_red, scalar_r and so on; f_dc_0
            of Gaussian splats; or rgb, four bytes in one number as PCL packs them.

    Returns:
        ((P, 3) uint8 RGB, or None where there are none; notes on what had to be guessed).
    """
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            for channels in _CHANNELS:
                names = [prefix + channel + suffix for channel in channels]
                if all(name in columns for name in names):
                    return as_bytes(np.stack([columns[name] for name in names], axis=1))
    if all(name in columns for name in _SPLAT):
        waves = np.stack([columns[name] for name in _SPLAT], axis=1)
        return as_bytes(np.clip(0.5 + _SPLAT_BASIS * waves, 0.0, 1.0))
    for name in _PACKED:
        if name in columns and columns[name].dtype.itemsize >= 4:
            return unpack(columns[name]), ()
    return None, ()


def as_bytes(colors: Array) -> tuple[UInt8 | None, tuple[str, ...]]:
    """Colours of any usual range as bytes.

    Bytes, whole numbers up to 255, 16 bits, and real numbers from 0 to 1 or to 255 are told apart
    by their type and their largest value.

    Args:
        colors: (P, 3) numbers; NaN becomes grey.

    Returns:
        ((P, 3) uint8, or None where the range is none of these; notes).
    """
    if colors.dtype == np.int8:
        colors = colors.view(np.uint8)
    if colors.dtype == np.uint8 or not colors.size:
        return colors.astype(np.uint8), ()
    known = finite_rows(colors)
    notes: tuple[str, ...] = ()
    if not known.all():
        missing = int(len(known) - known.sum())
        notes = (f"{missing} of {len(known)} points have no finite colour and are grey",)
        colors = np.where(known[:, None], colors, 0)
    scale = _scale_of(colors)
    if scale is None:
        return None, (*notes, f"colours reach {colors.max():g}, a range that is not known")
    result = np.rint(np.clip(colors * scale, 0, 255)).astype(np.uint8)
    result[~known] = GREY
    return result, notes


def finite_rows(values: Array) -> Bool:
    """(N,) whether all numbers of a row of (N, K) are finite."""
    rows: Bool = np.logical_and.reduce(np.isfinite(values), axis=1)
    return rows


def _scale_of(colors: Array) -> float | None:
    """Factor from the range of finite colours to bytes; None: no range that is in use."""
    largest = float(colors.max())
    if colors.dtype.kind == "f" and (largest <= 1 or _is_slightly_overexposed(colors, largest)):
        return 255.0
    if largest <= 255:
        return 1.0
    if largest > 65535:
        return None
    # 16 bits are made of bytes by repeating them (257) or by shifting them (256).
    return 1 / 256 if not (colors % 256).any() else 1 / 257


def _is_slightly_overexposed(colors: Array, largest: float) -> bool:
    return largest < 2 and bool((colors % 1).any())


def unpack(packed: Array) -> UInt8:
    """(P, 3) RGB of (P,) numbers that hold the bytes 0xAARRGGBB.

    The type may be an integer, a float32 whose bits they are, or real numbers of that integer.
    """
    if packed.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # the bits of a colour may be those of NaN
            whole = (packed >= 1) & (packed < 2**32) & (packed % 1 == 0)
        if (whole | (packed == 0)).all():
            packed = packed.astype(np.int64)
        else:
            packed = packed.astype(np.float32).view(np.uint32)
    bits = packed.astype(np.int64)
    return np.stack([(bits >> shift) & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
