"""Shell of a room: floor, ceiling, walls with doors and windows in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.synthesis.decor import PLAIN, Decor, Span, picture_spans
from seg3d_ros.synthesis.materials import (
    Material,
    ceiling_material,
    paint,
    planks,
    random_color,
)
from seg3d_ros.synthesis.mesh import Array, Mesh, joined, plain, to_linear
from seg3d_ros.synthesis.patterns import picture
from seg3d_ros.synthesis.room import Opening, Room, Wall

WALLS: tuple[Wall, ...] = ("south", "east", "north", "west")
REVEAL_M = 0.14  # depth of the hole in the wall before a pane
_DOOR_DEPTH_M = 0.04  # how far a door lies back
_FRAMED = 0.65  # of pictures; the others are posters
_ACCENT = 0.25  # of rooms have one wall that differs


@dataclass(frozen=True, eq=False)
class Part:
    """A named piece of the room, one instance."""

    name: str
    mesh: Mesh


@dataclass(frozen=True, eq=False)
class Shell:
    """A room without furniture.

    Attributes:
        parts: floor, ceiling, four walls, then doors, windows and pictures.
        panes: of all windows: they shine, and no depth camera measures them; None: no windows.
    """

    parts: list[Part]
    panes: Mesh | None

    def meshes(self) -> list[Mesh]:
        """Meshes of the parts."""
        return [part.mesh for part in self.parts]


def build_shell(room: Room, rng: np.random.Generator, decor: Decor = PLAIN) -> Shell:
    """Put up a room with random materials."""
    width, depth, height = room.size
    floor = [((0, 0, 0), (width, 0, 0), (0, depth, 0))]
    ceiling = [((0, 0, height), (width, 0, 0), (0, depth, 0))]
    parts = [
        Part("floor", rectangles(floor, decor.floor(rng))),
        Part("ceiling", rectangles(ceiling, ceiling_material(rng))),
        *_walls(room, rng, decor),
    ]
    parts += [_door(room, o, rng) for o in room.openings if o.name == "door"]
    windows = [opening for opening in room.openings if opening.name == "window"]
    frame = paint(_frame_color(rng), rng=rng)
    parts += [_window(room, opening, frame) for opening in windows]
    sky = _sky(rng)
    panes = [_pane(room, opening, sky) for opening in windows]
    parts += [part for wall in WALLS for part in _pictures(room, wall, decor, rng)]
    return Shell(parts, joined(panes) if panes else None)


Vector = tuple[float, float, float]


def rectangles(sides: Sequence[tuple[Vector, Vector, Vector]], material: Material) -> Mesh:
    """Rectangles of one material, each a corner and its two edges (metres)."""
    corner, along, up = np.array(sides, np.float64).transpose(1, 0, 2)
    vertices = np.stack([corner, corner + along, corner + along + up, corner + up], axis=1)
    lengths = [np.linalg.norm(edge, axis=1) / s for edge, s in zip((along, up), material.size)]
    unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    # Starting in the middle of a texel keeps rounding from picking another one.
    uv = unit * np.stack(lengths, axis=1)[:, None] + 1e-4  # (Q, 4, 2)
    halves = np.array([(0, 1, 2), (0, 2, 3)])
    faces = (4 * np.arange(len(sides))[:, None, None] + halves).reshape(-1, 3)
    return Mesh(
        vertices.reshape(-1, 3).astype(np.float32),
        faces.astype(np.int32),
        uv.reshape(-1, 2)[faces].astype(np.float32),
        np.zeros(len(faces), np.int32),
        [material.texture],
    )


def boxes(corners: Sequence[tuple[Vector, Vector]], material: Material) -> Mesh:
    """Axis-aligned boxes of one material, each its lowest and its highest corner."""
    sides = []
    for low, high in corners:
        a, b, c = low
        d, e, f = high
        x, y, z = (d - a, 0.0, 0.0), (0.0, e - b, 0.0), (0.0, 0.0, f - c)
        sides += [(low, x, y), ((a, b, f), x, y), (low, x, z)]
        sides += [((a, e, c), x, z), (low, y, z), ((d, b, c), y, z)]
    return rectangles(sides, material)


def _walls(room: Room, rng: np.random.Generator, decor: Decor) -> list[Part]:
    material, accent = decor.wall(rng), decor.wall(rng)
    other = rng.choice(WALLS) if rng.random() < _ACCENT else None
    skirting = paint(_frame_color(rng), rng=rng)
    high = rng.uniform(0.05, 0.14) if rng.random() < 0.75 else 0.0
    parts = []
    for wall in WALLS:
        openings = sorted(
            (o for o in room.openings if o.wall == wall), key=lambda opening: opening.start
        )
        own = accent if wall == other else material
        pieces = [rectangles(_wall_sides(room, wall, openings), own)]
        if high:
            pieces.append(boxes(_skirting(room, wall, openings, high), skirting))
        parts.append(Part("wall", _put(joined(pieces), room, wall)))
    return parts


# Doors, windows and walls are built in the frame of their wall: x along it, y out of the room,
# z up; `_put` brings them to their place.


def _put(mesh: Mesh, room: Room, wall: Wall) -> Mesh:
    x, y, z = mesh.vertices.T
    width, depth, _ = room.size
    places = {"south": (x, -y), "north": (x, depth + y), "west": (-y, x), "east": (width + y, x)}
    return replace(mesh, vertices=np.stack([*places[wall], z], axis=1).astype(np.float32))


def _length(room: Room, wall: Wall) -> float:
    return room.size[0] if wall in ("south", "north") else room.size[1]


def _wall_sides(
    room: Room, wall: Wall, openings: list[Opening]
) -> list[tuple[Vector, Vector, Vector]]:
    """The wall around its openings, and the sides of the holes."""
    height, start = room.size[2], 0.0
    sides = []
    for o in openings:
        sides.append(((start, 0.0, 0.0), (o.start - start, 0.0, 0.0), (0.0, 0.0, height)))
        across, up, into = (o.end - o.start, 0.0, 0.0), (0.0, 0.0, o.top - o.bottom), REVEAL_M
        sides.append(((o.start, 0.0, o.top), across, (0.0, 0.0, height - o.top)))
        if o.bottom > 0:
            sides.append(((o.start, 0.0, 0.0), across, (0.0, 0.0, o.bottom)))
        sides += [((s, 0.0, o.bottom), (0.0, into, 0.0), up) for s in (o.start, o.end)]
        sides += [((o.start, 0.0, h), across, (0.0, into, 0.0)) for h in (o.bottom, o.top)]
        start = o.end
    rest = _length(room, wall) - start
    sides.append(((start, 0.0, 0.0), (rest, 0.0, 0.0), (0.0, 0.0, height)))
    return sides


def _skirting(
    room: Room, wall: Wall, openings: list[Opening], high: float
) -> list[tuple[Vector, Vector]]:
    doors = [opening for opening in openings if opening.bottom < high]
    starts = [0.0, *(door.end for door in doors)]
    ends = [*(door.start for door in doors), _length(room, wall)]
    return [((s, -0.015, 0.0), (e, 0.0, high)) for s, e in zip(starts, ends)]


def _door(room: Room, door: Opening, rng: np.random.Generator) -> Part:
    """Leaf, frame around it and handle."""
    color = _frame_color(rng)
    if rng.random() < 0.4:
        color = random_color(rng, hue=(0.04, 0.1), saturation=(0.3, 0.7), value=(0.2, 0.75))
        leaf = planks(color, rng=rng)
    else:
        leaf = paint(color, rng=rng)
    frame = leaf if rng.random() < 0.5 else paint(_frame_color(rng), rng=rng)
    a, b, high, back = door.start, door.end, door.top, _DOOR_DEPTH_M
    wide = rng.uniform(0.05, 0.1)
    around = [((a - wide, -0.012, 0.0), (a, back, high + wide))]
    around += [((b, -0.012, 0.0), (b + wide, back, high + wide))]
    around += [((a, -0.012, high), (b, back, high + wide))]
    knob = a + 0.09 if rng.random() < 0.5 else b - 0.09
    handle = [((knob - 0.06, -0.03, 1.03), (knob + 0.06, -0.01, 1.055))]
    handle += [((knob - 0.02, -0.01, 0.9), (knob + 0.02, back, 1.1))]
    pieces = [
        boxes([((a, back, 0.0), (b, back + 0.04, high))], leaf),
        boxes(around, frame),
        boxes(handle, Material(plain(*(3 * [rng.uniform(0.05, 0.5)])), (1.0, 1.0))),
    ]
    return Part("door", _put(joined(pieces), room, door.wall))


def _window(room: Room, window: Opening, frame: Material) -> Part:
    """Frame with one to three casements, and the sill."""
    a, b, low, high, thick = window.start, window.end, window.bottom, window.top, 0.055
    front, back = REVEAL_M - 0.06, REVEAL_M - 0.005
    bars = [((a, front, low), (b, back, low + thick)), ((a, front, high - thick), (b, back, high))]
    count = max(1, round((b - a) / 0.8))
    for x in np.linspace(a, b - thick, count + 1):
        bars.append(((x, front, low), (x + thick, back, high)))
    if low > 0.3:
        bars.append(((a - 0.03, -0.08, low - 0.03), (b + 0.03, front, low + 0.006)))
    return Part("window", _put(boxes(bars, frame), room, window.wall))


def _pane(room: Room, window: Opening, sky: Material) -> Mesh:
    across, up = (window.end - window.start, 0.0, 0.0), (0.0, 0.0, window.top - window.bottom)
    whole = replace(sky, size=(across[0] * 1.01, up[2] * 1.01))
    side = ((window.start, REVEAL_M, window.bottom), across, up)
    return _put(rectangles([side], whole), room, window.wall)


def _pictures(room: Room, wall: Wall, decor: Decor, rng: np.random.Generator) -> list[Part]:
    openings = [opening for opening in room.openings if opening.wall == wall]
    spans = picture_spans(decor, _length(room, wall), room.size[2], openings, rng)
    return [Part("picture frame", _put(_picture(span, rng), room, wall)) for span in spans]


def _picture(span: Span, rng: np.random.Generator) -> Mesh:
    """Framed picture or poster."""
    start, end, bottom, top = span
    across, up = (end - start, 0.0, 0.0), (0.0, 0.0, top - bottom)
    image = replace(picture(rng), size=(across[0] * 1.01, up[2] * 1.01))
    framed = rng.random() < _FRAMED
    thick, rim = (rng.uniform(0.01, 0.04), rng.uniform(0.01, 0.04)) if framed else (0.002, 0.0)
    front = rectangles([((start, -thick - 0.001, bottom), across, up)], image)
    around = [((start - rim, -thick, bottom - rim), (end + rim, 0.0, top + rim))]
    return joined([front, boxes(around, paint(_frame_color(rng), rng=rng))])


def _sky(rng: np.random.Generator) -> Material:
    """View outside: light sky above something darker."""
    top = random_color(rng, hue=(0.52, 0.64), saturation=(0.0, 0.4), value=(0.8, 1.0))
    ground = random_color(rng, hue=(0.1, 0.4), saturation=(0.1, 0.4), value=(0.3, 0.7))
    height = np.linspace(1, 0, 32)[:, None, None]
    share = 1 / (1 + np.exp(-30 * (height - rng.uniform(0.1, 0.6))))
    linear = to_linear((share * top + (1 - share) * ground).astype(np.float32))
    texture = np.concatenate([linear, np.ones((32, 1, 1), np.float32)], axis=2)
    return Material(texture, (1.0, 1.0))


def _frame_color(rng: np.random.Generator) -> Array:
    """White mostly, else wood or grey."""
    kind = rng.random()
    if kind < 0.65:
        return random_color(rng, hue=(0, 1), saturation=(0.0, 0.06), value=(0.8, 0.97))
    if kind < 0.85:
        return random_color(rng, hue=(0.04, 0.1), saturation=(0.3, 0.65), value=(0.25, 0.7))
    return random_color(rng, hue=(0, 1), saturation=(0.0, 0.1), value=(0.15, 0.6))
