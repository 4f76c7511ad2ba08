"""Demo room: walls, window, floor, and furniture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_room.models import Library
from seg3d_ros.synthesis.mesh import Array, Mesh, to_linear
from seg3d_ros.synthesis.ray_scene import RayScene

SIZE = np.array([5.2, 4.2, 2.6])  # metres; the origin is a corner of the floor
WINDOW = (2.75, 4.45, 0.95, 2.15)  # x from, x to, z from, z to, in the wall y = 0
_WALL = (0.80, 0.80, 0.76)
_WALL_ACCENT = (0.47, 0.56, 0.58)
_WHITE = (0.90, 0.90, 0.88)


@dataclass(frozen=True)
class Placed:
    """A model in the room: where its middle stands and how far it is turned from facing -y.

    Without a height it stands on whatever is below its middle.
    """

    model: str
    name: str
    x: float
    y: float
    turn_deg: float = 0.0
    z: float | None = None


FURNITURE = (
    Placed("winchesterSofa", "sofa", 1.55, 3.68),
    Placed("bedsideTable2", "nightstand", 3.06, 3.90),
    Placed("armchair2", "armchair", 0.62, 2.0, 90),
    Placed("shelves", "shelf", 1.1, 0.24, 180),
    Placed("bookcase", "bookcase", 2.08, 0.22, 180),
    Placed("oakTable", "table", 3.55, 1.45),
    Placed("chairWithCushion", "chair", 3.50, 2.28, 8),
    Placed("chairWithCushion", "chair", 4.42, 1.50, -84),
    Placed("chairWithCushion", "chair", 2.68, 1.38, 96),
    Placed("chairWithCushion", "chair", 3.62, 0.62, 175),
    Placed("lbDesk", "desk", 4.76, 3.25, -90),
    Placed("designChair", "office chair", 4.02, 3.25, 80),
    Placed("decorativePlant", "plant", 0.38, 0.42),
    Placed("radiator", "radiator", 3.6, 0.16, 180),
    Placed("cuckooClock", "clock", 1.3, 4.10, 0, z=1.45),
    Placed("dustbin", "trash can", 4.95, 2.22),
    Placed("basketball", "ball", 2.45, 3.05),
)
SMALL_THINGS = (
    Placed("teddyBear", "teddy bear", 0.85, 3.60, 15),
    Placed("handbag", "bag", 2.05, 3.58, -10),
    Placed("desklamp", "lamp", 3.06, 3.90),
    Placed("led_tv", "tv", 1.1, 0.26, 180),
    Placed("tetrapak", "milk", 3.30, 1.62, 30),
    Placed("bread", "bread", 3.72, 1.42, 20),
    Placed("caffe_final", "cup", 3.52, 1.10, 60),
    Placed("littlePlant", "potted plant", 4.93, 3.86),
    Placed("kalender", "calendar", 4.88, 3.40, -75),
    Placed("headphones", "headphones", 4.70, 2.85, -60),
    Placed("plasticCup", "cup", 4.55, 3.62),
    Placed("JapaneseLantern", "lantern", 1.95, 0.22),
)


@dataclass(frozen=True, eq=False)
class Room:
    """Surfaces and furniture of the room.

    Attributes:
        meshes: shell first, then one a placed model, in the order of `placed`.
        sky: number of the mesh that shines and that no depth camera can measure.
        placed: what stands where, heights filled in.
    """

    meshes: list[Mesh]
    sky: int
    placed: list[Placed]

    def objects(self) -> list[Mesh]:
        """Meshes of the placed models."""
        return self.meshes[-len(self.placed) :]


def build_room(library: Library, rng: np.random.Generator) -> Room:
    """Put up the walls and place the furniture, then the small things on top."""
    meshes = [*_shell(rng), _sky()]
    sky, placed = len(meshes) - 1, []
    for items in (FURNITURE, SMALL_THINGS):
        below = RayScene(meshes)
        for item in items:
            z = _support(below, item) if item.z is None else item.z
            meshes.append(library.load(item.model).moved(item.x, item.y, z, item.turn_deg))
            placed.append(Placed(item.model, item.name, item.x, item.y, item.turn_deg, z))
    return Room(meshes, sky, placed)


def _support(scene: RayScene, item: Placed) -> float:
    """Height of what is below an item's middle."""
    origin = np.array([[item.x, item.y, 2.0]], np.float32)
    return float(scene.cast(origin, np.array([[0, 0, -1]], np.float32)).points[0, 2])


def _shell(rng: np.random.Generator) -> list[Mesh]:
    x, y, z = SIZE
    left, right, bottom, top = WINDOW
    parts = [
        _quad((0, 0, 0), (x, 0, 0), (0, y, 0), _wood(rng)),
        _quad((0, 0, z), (x, 0, 0), (0, y, 0), _plain(_WHITE)),
        _quad((0, y, 0), (x, 0, 0), (0, 0, z), _plain(_WALL_ACCENT)),
        _quad((0, 0, 0), (0, y, 0), (0, 0, z), _plain(_WALL)),
        _quad((x, 0, 0), (0, y, 0), (0, 0, z), _plain(_WALL)),
        _quad((0, 0, 0), (left, 0, 0), (0, 0, z), _plain(_WALL)),
        _quad((right, 0, 0), (x - right, 0, 0), (0, 0, z), _plain(_WALL)),
        _quad((left, 0, 0), (right - left, 0, 0), (0, 0, bottom), _plain(_WALL)),
        _quad((left, 0, top), (right - left, 0, 0), (0, 0, z - top), _plain(_WALL)),
        _box((0.9, 2.0, 0.0), (2.3, 3.1, 0.012), _rug(rng)),
        _box((2.25, y - 0.03, 1.35), (3.25, y, 2.0), _plain((0.25, 0.17, 0.10))),
        _quad((2.30, y - 0.035, 1.40), (0.9, 0, 0), (0, 0, 0.55), _landscape()),
    ]
    skirting = [
        ((0, 0, 0), (x, 0.015, 0.08)),
        ((0, y - 0.015, 0), (x, y, 0.08)),
        ((0, 0, 0), (0.015, y, 0.08)),
        ((x - 0.015, 0, 0), (x, y, 0.08)),
    ]
    middle = (left + right) / 2
    frame = [
        ((left, -0.12, bottom - 0.04), (right, 0.10, bottom)),  # the sill
        ((left, -0.12, top - 0.06), (right, -0.06, top)),
        ((left, -0.12, bottom), (left + 0.06, -0.06, top)),
        ((right - 0.06, -0.12, bottom), (right, -0.06, top)),
        ((middle - 0.03, -0.12, bottom), (middle + 0.03, -0.06, top)),
    ]
    return parts + [_box(low, high, _plain(_WHITE)) for low, high in skirting + frame]


def _sky() -> Mesh:
    left, right, bottom, top = WINDOW
    gradient = np.linspace((0.55, 0.75, 1.0), (0.95, 0.97, 1.0), 64, dtype=np.float32)
    return _quad(
        (left, -0.13, bottom), (right - left, 0, 0), (0, 0, top - bottom), gradient[:, None]
    )


Vector = tuple[float, float, float]


def _quad(corner: Vector, along: Vector, up: Vector, texture: Array) -> Mesh:
    """Rectangle with the texture's columns along one side and its rows down the other."""
    c, a, u = (np.array(vector, np.float32) for vector in (corner, along, up))
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * 0.9999 + 5e-5
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    vertices = np.stack([c, c + a, c + a + u, c + u])
    return Mesh(vertices, faces, uv[faces], np.zeros(2, np.int32), [_opaque(texture)])


def _box(low: Vector, high: Vector, texture: Array) -> Mesh:
    """Axis-aligned box; the texture lies on each pair of faces as seen from above or the front."""
    x, y, z = np.subtract(high, low)
    (a, b, c), (d, e, f) = low, high
    sides = [
        _quad(low, (x, 0, 0), (0, y, 0), texture), _quad((a, b, f), (x, 0, 0), (0, y, 0), texture),
        _quad(low, (x, 0, 0), (0, 0, z), texture), _quad((a, e, c), (x, 0, 0), (0, 0, z), texture),
        _quad(low, (0, y, 0), (0, 0, z), texture), _quad((d, b, c), (0, y, 0), (0, 0, z), texture),
    ]  # fmt: skip
    return Mesh(
        np.concatenate([side.vertices for side in sides]),
        np.concatenate([side.faces + 4 * number for number, side in enumerate(sides)]),
        np.concatenate([side.uv for side in sides]),
        np.zeros(12, np.int32),
        sides[0].textures,
    )


def _opaque(encoded: Array) -> Array:
    """(h, w, 4) linear texture of an (h, w, 3) image."""
    return np.concatenate([to_linear(encoded), np.ones((*encoded.shape[:2], 1))], axis=2)


def _plain(color: Vector) -> Array:
    return np.full((1, 1, 3), color, np.float32)


def _wood(rng: np.random.Generator, *, plank_m: float = 0.14, texel_m: float = 0.005) -> Array:
    """Planks along x of random lengths and shades, with a grain."""
    rows, columns = int(SIZE[1] / texel_m), int(SIZE[0] / texel_m)
    image = np.empty((rows, columns, 3), np.float32)
    step = int(plank_m / texel_m)
    for top in range(0, rows, step):
        start = -int(rng.integers(0, 200))
        while start < columns:
            end = start + int(rng.integers(180, 320))
            plank = image[top : top + step, max(start, 0) : end]
            grain = np.cumsum(rng.normal(0, 0.012, (plank.shape[0], 1, 1)), axis=0)
            fine = rng.normal(0, 0.012, plank.shape[:2])[..., None]
            shade = 1 + rng.normal(0, 0.07) + grain - grain.mean() + fine
            plank[:] = np.array([0.66, 0.47, 0.30]) * shade
            plank[:1] *= 0.72  # joints
            plank[:, :1] *= 0.72
            start = end
    return image.clip(0, 1)


def _rug(rng: np.random.Generator) -> Array:
    """Woven stripes with a border."""
    rows, columns = 200, 280
    image = np.full((rows, columns, 3), (0.80, 0.74, 0.64), np.float32)
    for inset, color in (
        (8, (0.20, 0.28, 0.40)),
        (14, (0.80, 0.74, 0.64)),
        (26, (0.62, 0.25, 0.20)),
    ):
        image[inset:-inset, inset:-inset] = color
    image[34:-34, 34:-34] = (0.78, 0.70, 0.58)
    image[34:-34, 34:-34][:, (np.arange(columns - 68) // 14) % 3 == 0] = (0.25, 0.36, 0.46)
    return (image * (1 + rng.normal(0, 0.05, (rows, columns, 1)))).clip(0, 1)


def _landscape() -> Array:
    """A painting: sky, sun, three ridges."""
    rows, columns = 220, 360
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    image = (1 - v[..., None]) * (0.45, 0.62, 0.80) + v[..., None] * (0.98, 0.80, 0.58)
    image[(u - 0.7) ** 2 * 2.7 + (v - 0.42) ** 2 < 0.006] = (1.0, 0.93, 0.70)
    for height, wave, color in (
        (0.55, 7.0, (0.45, 0.52, 0.60)),
        (0.68, 4.0, (0.28, 0.40, 0.42)),
        (0.82, 2.5, (0.16, 0.28, 0.22)),
    ):
        image[v > height + 0.06 * np.sin(wave * u + wave)] = color
    return image.astype(np.float32)
