"""Light of rooms at low cost, and the colour camera that sees it.

Nothing is baked and nothing casts a shadow: light from everywhere, darker towards the corners of
the room, and lamps that fall off softly. Training needs variety more than it needs physics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import UInt8
from seg3d_ros.synthesis.mesh import Array
from seg3d_ros.synthesis.ray_scene import Hits
from seg3d_ros.synthesis.room import Opening, Room

_CORNER_REACH_M = 0.3
_SKY_GAIN = 3.0  # windows are brighter than anything in the room
_WANTED_MEAN = 0.2  # of the linear image, which is 0.48 of the encoded one


@dataclass(frozen=True, eq=False)
class Light:
    """Light of a room.

    Attributes:
        size: (3,) float32 extents of the room, metres.
        ambient: (3,) float32 light from everywhere.
        from_below: part of it that reaches surfaces that look down.
        corner: part of it that is lost in an edge of the room.
        lamps: (L, 3) float32 positions, metres.
        powers: (L, 3) float32 what they give to a surface that faces them at one metre.
    """

    size: Array
    ambient: Array
    from_below: float
    corner: float
    lamps: Array
    powers: Array


def random_light(room: Room, rng: np.random.Generator) -> Light:
    """Lamps at the ceiling, daylight from the windows, or both."""
    size = np.array(room.size)
    places = [_inside(opening, size) for opening in room.openings if opening.name == "window"]
    if rng.random() < 0.2:  # night
        places = []
    powers = [rng.uniform(0.5, 2.5) * _warmth(rng, low=-0.1, high=0.05) for _ in places]
    for _ in range(int(rng.integers(1 if not places else 0, 3))):
        places.append(size * [*rng.uniform(0.15, 0.85, 2), rng.uniform(0.75, 0.97)])
        powers.append(rng.uniform(0.4, 2.0) * _warmth(rng, low=-0.05, high=0.2))
    return Light(
        size.astype(np.float32),
        (rng.uniform(0.3, 0.9) * _warmth(rng, low=-0.05, high=0.08)).astype(np.float32),
        rng.uniform(0.5, 0.9),
        rng.uniform(0.1, 0.5),
        np.array(places, np.float32).reshape(-1, 3),
        np.array(powers, np.float32).reshape(-1, 3),
    )


def _inside(opening: Opening, size: Array) -> Array:
    """A place 0.4 m before the middle of a window."""
    along, up = (opening.start + opening.end) / 2, (opening.bottom + opening.top) / 2
    places = {
        "south": (along, 0.4, up),
        "north": (along, size[1] - 0.4, up),
        "west": (0.4, along, up),
        "east": (size[0] - 0.4, along, up),
    }
    return np.array(places[opening.wall])


def _warmth(rng: np.random.Generator, *, low: float, high: float) -> Array:
    """(3,) light of mean one: more red and less blue the warmer it is."""
    warmth = rng.uniform(low, high)
    return np.array([1 + warmth, 1, 1 - warmth])


def radiance(hits: Hits, light: Light) -> Array:
    """(N, 3) float32 light that comes back from what the rays have met."""
    result = np.empty_like(hits.colors)
    _shade(hits.points, hits.normals, hits.colors, light.size, light.ambient,
           np.float32(light.from_below), np.float32(light.corner), light.lamps, light.powers,
           result)  # fmt: skip
    return result


@dataclass(frozen=True, eq=False)
class Lights:
    """Light of several rooms.

    Attributes:
        lights: of each room, in its own frame.
        origins: (R, 3) float32 of the rooms, metres.
        owner: (M,) room of each mesh; what has none belongs to the first.
    """

    lights: list[Light]
    origins: Array
    owner: NDArray[np.int64]

    def radiance(self, hits: Hits) -> Array:
        """(N, 3) float32 light that comes back, each from the light of its own room."""
        if len(self.lights) == 1:
            return radiance(hits, self.lights[0])
        known = (hits.mesh >= 0) & (hits.mesh < len(self.owner))
        owner = np.where(known, self.owner[np.where(known, hits.mesh, 0)], 0)
        result = np.empty_like(hits.colors)
        for number, light in enumerate(self.lights):
            chosen = owner == number
            result[chosen] = radiance(hits.rows(chosen, origin=self.origins[number]), light)
        return result


@kernel
def _shade(points, normals, colors, size, ambient, from_below, corner, lamps, powers, result):  # type: ignore[no-untyped-def]
    one, half = np.float32(1), np.float32(0.5)
    for i in range(len(points)):
        open_part = half * (one + from_below) + half * (one - from_below) * normals[i, 2]
        for k in range(3):
            near = min(abs(points[i, k]), abs(size[k] - points[i, k]))
            beside = one - abs(normals[i, k])  # a wall does not darken itself
            open_part *= one - corner * beside * np.exp(-near / np.float32(_CORNER_REACH_M))
        red, green, blue = ambient[0] * open_part, ambient[1] * open_part, ambient[2] * open_part
        for j in range(len(lamps)):
            x = lamps[j, 0] - points[i, 0]
            y = lamps[j, 1] - points[i, 1]
            z = lamps[j, 2] - points[i, 2]
            squared = x * x + y * y + z * z
            along = x * normals[i, 0] + y * normals[i, 1] + z * normals[i, 2]
            # Light of large sources wraps around: half Lambert, squared.
            facing = half + half * along / np.sqrt(squared + np.float32(1e-6))
            got = facing * facing / (half + half * squared)
            red += got * powers[j, 0]
            green += got * powers[j, 1]
            blue += got * powers[j, 2]
        result[i, 0] = colors[i, 0] * red
        result[i, 1] = colors[i, 1] * green
        result[i, 2] = colors[i, 2] * blue


@dataclass(frozen=True, eq=False)
class ColorCamera:
    """Response of a colour camera: light to numbers.

    Attributes:
        balance: (3,) float32 error of its white balance.
        gamma: of its curve; 2.2 is right.
        adaption: how much of a change of brightness its exposure follows.
        typical: mean light of this room, to which it is set where it does not follow.
        noise: standard deviation, of 255.
    """

    balance: Array
    gamma: float
    adaption: float
    typical: float
    noise: float

    def photograph(self, light: Array, rng: np.random.Generator) -> UInt8:
        """(N, 3) linear light to uint8 RGB."""
        mean = max(float(np.minimum(light, 4 * self.typical).mean()), 1e-6)
        seen = mean**self.adaption * self.typical ** (1 - self.adaption)
        exposed = light * (self.balance * np.float32(_WANTED_MEAN / seen))
        # A knee instead of hard clipping keeps the colour of what is bright.
        curved = exposed * (1 + exposed / 4) / (1 + exposed)
        image = np.clip(curved, 0, 1) ** np.float32(1 / self.gamma) * 255
        image += rng.standard_normal(image.shape, np.float32) * np.float32(self.noise)
        return np.asarray(np.rint(image).clip(0, 255), np.uint8)


def random_color_camera(typical: float, rng: np.random.Generator) -> ColorCamera:
    """A camera in a room whose mean light is `typical`."""
    return ColorCamera(
        balance=np.exp(rng.normal(0, 0.06, 3)).astype(np.float32),
        gamma=rng.uniform(1.9, 2.5),
        adaption=rng.uniform(0.3, 1.0),
        typical=typical * np.exp(rng.normal(0, 0.25)),
        noise=rng.uniform(1.0, 5.0),
    )


def sky_radiance(colors: Array, typical: float) -> Array:
    """(N, 3) light of the panes of windows."""
    return np.asarray(colors * np.float32(_SKY_GAIN * typical))
