"""Description of a made room: size, doors, windows, furniture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Wall = Literal["south", "east", "north", "west"]


@dataclass(frozen=True)
class Placed:
    """A model in a room.

    Attributes:
        key: key of the model in the furniture library.
        name: what it is called.
        x, y, z: middle of its foot, metres from the corner of the floor with the least x and y.
        turn_deg: counter-clockwise turn seen from above; at 0 its front faces -y.
        scale: how much larger it is than in the library.
        stretch: what its width, depth and height are multiplied by beside that.
        tip_deg: turns about its own x and then its own y, before it is turned about z.
    """

    key: str
    name: str
    x: float
    y: float
    z: float
    turn_deg: float
    scale: float
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tip_deg: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Opening:
    """A hole in a wall.

    Attributes:
        name: "door" or "window"; "passage": an open door, whose leaf is not there.
        wall: south is y = 0, east x = width, north y = depth, west x = 0.
        start, end: metres along the wall, from its end with the least x or y.
        bottom, top: heights in metres.
    """

    name: Literal["door", "window", "passage"]
    wall: Wall
    start: float
    end: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Room:
    """A furnished room: a box from the origin to `size`, metres.

    Attributes:
        size: extents along x, y and z.
        theme: what the room is for, "kitchen" say.
        openings: doors and windows.
        placed: models, what carries others before what it carries.
        origin: x and y of its corner among other rooms, metres.
    """

    size: tuple[float, float, float]
    theme: str
    openings: tuple[Opening, ...]
    placed: tuple[Placed, ...]
    origin: tuple[float, float] = (0.0, 0.0)
