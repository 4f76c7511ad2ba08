"""Procedural materials of floors, walls and ceilings: textures that repeat without a seam."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seg3d_ros.synthesis.mesh import Array, to_linear

_TEXEL_M = 0.006
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Material:
    """A texture and its real size.

    Attributes:
        texture: (h, w, 4) float32 as in `Mesh`.
        size: width and height that it covers once, metres.
    """

    texture: Array
    size: tuple[float, float]


def random_color(
    rng: np.random.Generator, *, hue: Range, saturation: Range, value: Range
) -> Array:
    """(3,) sRGB colour with parts in ranges within [0, 1]; hues may reach past 1."""
    h, s, v = (rng.uniform(*part) for part in (hue, saturation, value))
    return np.array(colorsys.hsv_to_rgb(h % 1, s, v), np.float32)


def paint(color: Array, *, relief: float = 0.0, rng: np.random.Generator) -> Material:
    """One colour; `relief` is the contrast of the plaster, pile or stone it is made of."""
    side = 160 if relief else 1
    image = np.broadcast_to(color, (side, side, 3)) * _cloudy((side, side), relief, rng)
    return material_of(image)


def planks(color: Array, *, rng: np.random.Generator) -> Material:
    """Wooden boards of one width, of random lengths and shades, with a grain along them."""
    width, count, columns = int(rng.integers(12, 34)), int(rng.integers(5, 9)), 400
    contrast, joint = rng.uniform(0.03, 0.12), rng.uniform(0.5, 0.95)
    boards = []
    for _ in range(count):
        ends = np.sort(rng.choice(columns, 2, replace=False))
        shades = 1 + rng.normal(0, contrast, 2)
        shade = shades[np.searchsorted(ends, np.arange(columns), side="right") % 2]
        grain = gaussian_filter(rng.standard_normal((width, columns)), (0.7, 25), mode="wrap")
        shade = shade + 0.6 * contrast * grain / grain.std()
        shade[0] *= joint
        shade[:, ends] *= joint
        boards.append(shade)
    return material_of(color * np.concatenate(boards)[..., None])


def tiles(color: Array, *, rng: np.random.Generator) -> Material:
    """Square or oblong tiles with grout."""
    high = int(rng.integers(25, 100))
    wide = int(high * rng.choice([1, 1, 1, 2]))
    down, across = (max(2, 200 // side) for side in (high, wide))
    shades = 1 + rng.normal(0, rng.uniform(0, 0.06), (down, across))
    image = np.kron(shades, np.ones((high, wide)))[..., None] * color
    image *= _cloudy(image.shape, rng.uniform(0, 0.06), rng)
    grout = color * rng.uniform(0.5, 1.3)
    for line in range(int(rng.integers(1, 3))):
        image[line::high] = grout
        image[:, line::wide] = grout
    return material_of(image)


def wallpaper(color: Array, *, rng: np.random.Generator) -> Material:
    """Upright stripes of two or three shades of a colour."""
    widths = rng.integers(6, 40, 2 * int(rng.integers(1, 3)))
    shades = 1 + rng.uniform(-0.18, 0.08, (len(widths), 1)) + rng.normal(0, 0.02, (1, 3))
    stripes = np.repeat(shades, widths, axis=0)
    image = np.tile(stripes * color, (64, 1, 1))
    return material_of(image * _cloudy(image.shape, 0.02, rng))


def floor_material(rng: np.random.Generator) -> Material:
    """Wood, tiles, carpet or stone."""
    kind = rng.choice(["wood", "tiles", "carpet", "stone"], p=[0.45, 0.2, 0.25, 0.1])
    if kind == "wood":
        color = random_color(rng, hue=(0.05, 0.11), saturation=(0.2, 0.62), value=(0.3, 0.85))
        return planks(color, rng=rng)
    if kind == "tiles":
        return tiles(_calm_color(rng, value=(0.3, 0.95)), rng=rng)
    if kind == "carpet":
        color = random_color(rng, hue=(0, 1), saturation=(0.0, 0.45), value=(0.15, 0.75))
        return paint(color, relief=rng.uniform(0.05, 0.15), rng=rng)
    return paint(_calm_color(rng, value=(0.35, 0.8)), relief=rng.uniform(0.0, 0.05), rng=rng)


def wall_material(rng: np.random.Generator) -> Material:
    """Mostly light paint; now and then strong paint, wallpaper, tiles or wood."""
    kind = rng.choice(
        ["light", "strong", "wallpaper", "tiles", "wood"], p=[0.62, 0.13, 0.12, 0.09, 0.04]
    )
    if kind == "strong":
        color = random_color(rng, hue=(0, 1), saturation=(0.2, 0.6), value=(0.3, 0.85))
        return paint(color, relief=rng.uniform(0, 0.02), rng=rng)
    if kind == "wood":
        color = random_color(rng, hue=(0.05, 0.11), saturation=(0.25, 0.6), value=(0.35, 0.8))
        return planks(color, rng=rng)
    color = _calm_color(rng, value=(0.65, 0.97))
    if kind == "wallpaper":
        return wallpaper(color, rng=rng)
    if kind == "tiles":
        return tiles(color, rng=rng)
    return paint(color, relief=rng.uniform(0, 0.025), rng=rng)


def ceiling_material(rng: np.random.Generator) -> Material:
    """White paint, or the panels of offices."""
    color = _calm_color(rng, value=(0.8, 0.98), saturation=(0, 0.05))
    if rng.random() < 0.8:
        return paint(color, relief=rng.uniform(0, 0.02), rng=rng)
    return tiles(color, rng=rng)


def _calm_color(
    rng: np.random.Generator, *, value: Range, saturation: Range = (0.0, 0.16)
) -> Array:
    """White, cream, beige and grey above all, as in most rooms."""
    hue = (0.04, 0.16) if rng.random() < 0.65 else (0.0, 1.0)
    return random_color(rng, hue=hue, saturation=saturation, value=value)


def _cloudy(shape: tuple[int, ...], relief: float, rng: np.random.Generator) -> Array:
    """(rows, columns, 1) factors around 1 for an image: fine and coarse noise that repeats."""
    rows, columns = shape[:2]
    if not relief:
        return np.ones((rows, columns, 1), np.float32)
    fine = rng.standard_normal((rows, columns), np.float32)
    coarse = gaussian_filter(rng.standard_normal((rows, columns), np.float32), 9, mode="wrap")
    return np.asarray(1 + relief * (0.6 * fine + 0.6 * coarse / coarse.std())[..., None])


def material_of(image: NDArray[np.floating[Any]]) -> Material:
    """Material of an sRGB image (h, w, 3) in [0, 1]."""
    linear = to_linear(np.clip(image, 0, 1).astype(np.float32))
    opaque = np.ones((*linear.shape[:2], 1), np.float32)
    height, width = linear.shape[:2]
    size = (width * _TEXEL_M, height * _TEXEL_M)
    return Material(np.concatenate([linear, opaque], axis=2), size)
