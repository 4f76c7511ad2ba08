"""Procedural patterns beside those of `materials`: brick, chequers, terrazzo, images."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from seg3d_ros.synthesis.materials import (
    Material,
    floor_material,
    material_of,
    paint,
    random_color,
    wall_material,
)
from seg3d_ros.synthesis.mesh import Array

_USUAL = 0.55  # share of the surfaces with one of the materials of `materials`


def brick(rng: np.random.Generator) -> Material:
    """Courses of bricks of many shades, each shifted by half a brick."""
    high, wide, rows, columns = int(rng.integers(9, 14)), int(rng.integers(28, 44)), 8, 6
    color = random_color(rng, hue=(0.0, 0.09), saturation=(0.05, 0.65), value=(0.35, 0.9))
    shades = 1 + rng.normal(0, rng.uniform(0.05, 0.2), (rows, columns, 3)) * (1, 0.8, 0.7)
    image = np.kron(shades * color, np.ones((high, wide, 1)))
    joint = random_color(rng, hue=(0.05, 0.15), saturation=(0, 0.1), value=(0.4, 0.9))
    image[::high] = joint
    image[:, ::wide] = joint
    for row in range(1, rows, 2):
        course = slice(row * high, (row + 1) * high)
        image[course] = np.roll(image[course], wide // 2, axis=1)
    return material_of(image * (1 + rng.normal(0, 0.03, (*image.shape[:2], 1))))


def chequers(rng: np.random.Generator) -> Material:
    """Squares of two colours in turn."""
    side = int(rng.integers(10, 70))
    colors = [random_color(rng, hue=(0, 1), saturation=(0, 0.5), value=(0.1, 0.95)) for _ in "ab"]
    field = np.indices((4, 4)).sum(axis=0) % 2
    return material_of(np.kron(np.array(colors)[field], np.ones((side, side, 1))))


def terrazzo(rng: np.random.Generator) -> Material:
    """Chips of a few colours, from gravel to the pattern of a carpet."""
    size, side = rng.uniform(0.8, 6.0), 256
    noise = gaussian_filter(rng.standard_normal((side, side)), size, mode="wrap")
    levels = np.quantile(noise, np.sort(rng.uniform(0.1, 0.9, 3)))
    base = random_color(rng, hue=(0, 1), saturation=(0, 0.5), value=(0.2, 0.9))
    colors = base * rng.uniform(0.6, 1.4, (4, 1)) + rng.normal(0, 0.04, (4, 3))
    return material_of(colors[np.searchsorted(levels, noise)])


def ornament(rng: np.random.Generator) -> Material:
    """A motif that repeats, as on wallpaper and patterned carpets."""
    side = int(rng.integers(16, 60))
    motif = gaussian_filter(rng.standard_normal((side, side)), side / 12, mode="wrap")
    motif = motif + motif[:, ::-1]
    share = np.clip(motif / motif.std() / 0.6 + 0.5, 0, 1)[..., None]
    base = random_color(rng, hue=(0, 1), saturation=(0, 0.35), value=(0.4, 0.95))
    other = base * rng.uniform(0.5, 1.2, 3)
    return material_of(np.tile(base * (1 - share) + other * share, (3, 3, 1)))


def picture(rng: np.random.Generator) -> Material:
    """Image like a photo, painting or poster: soft and sharp shapes in some colours."""
    shape, count = (96, 96), int(rng.integers(3, 14))
    colors = rng.uniform(0, 1, (count + 1, 3))
    image = np.broadcast_to(colors[0], (*shape, 3)).copy()
    rows, columns = np.indices(shape) / 96
    for color in colors[1:]:
        (y, x), (h, w) = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.5, 2)
        round_one = rng.random() < 0.5
        power = 2 if round_one else 8
        inside = np.abs((rows - y) / h) ** power + np.abs((columns - x) / w) ** power < 1
        image[inside] = color * rng.uniform(0.7, 1.0)
    blur = rng.uniform(0, 4)
    clouds = gaussian_filter(rng.standard_normal(shape), 8)[..., None]
    image = gaussian_filter(image, (blur, blur, 0)) + rng.uniform(0, 0.2) * clouds / clouds.std()
    if rng.random() < 0.3:  # drawings, prints, papers
        image = 0.3 * image.mean(axis=2, keepdims=True) + 0.7 * rng.uniform(0.7, 1.0, 3)
    return material_of(image)


def any_floor(rng: np.random.Generator) -> Material:
    """Random floor: of the usual materials, patterned or rough."""
    if rng.random() < _USUAL:
        return floor_material(rng)
    return (terrazzo, chequers, ornament, _concrete)[int(rng.integers(4))](rng)


def any_wall(rng: np.random.Generator) -> Material:
    """Random wall: of the usual materials, brick, patterned or rough."""
    if rng.random() < _USUAL:
        return wall_material(rng)
    return (brick, ornament, terrazzo, _concrete)[int(rng.integers(4))](rng)


def _concrete(rng: np.random.Generator) -> Material:
    color: Array = random_color(rng, hue=(0, 1), saturation=(0, 0.1), value=(0.25, 0.9))
    return paint(color, relief=rng.uniform(0.03, 0.12), rng=rng)
