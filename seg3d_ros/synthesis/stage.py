"""Built rooms: the meshes of walls and furniture where they stand, and their light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.scene import Bool, Float64
from seg3d_ros.synthesis.capture import Capture
from seg3d_ros.synthesis.decor import Decor
from seg3d_ros.synthesis.lighting import Lights, random_light
from seg3d_ros.synthesis.mesh import Array, Mesh, joined
from seg3d_ros.synthesis.ray_scene import RayScene
from seg3d_ros.synthesis.room import Placed, Room
from seg3d_ros.synthesis.shapes import placed_mesh
from seg3d_ros.synthesis.shell import build_shell
from seg3d_ros.synthesis.views import Surroundings

Load = Callable[[str], Mesh]


@dataclass(frozen=True, eq=False)
class BuiltRoom:
    """Meshes of a room and their names; panes have none.

    Attributes:
        room: what it was built from.
        names: of the meshes: the parts of the shell, then the furniture.
        meshes: among other rooms, metres.
        panes: of its windows; None: it has none.
        boxes: (K, 2, 3) lowest and highest corners of the furniture, in the room's own frame.
    """

    room: Room
    names: list[str]
    meshes: list[Mesh]
    panes: Mesh | None
    boxes: Float64

    @property
    def shell_parts(self) -> int:
        """Number of meshes that are no furniture; they come first."""
        return len(self.meshes) - len(self.boxes)

    def foot(self, number: int) -> tuple[float, float, float]:
        """Middle of the foot of a piece of furniture, by its number, among other rooms, metres."""
        (x, y, _), bottom = self.boxes[number].mean(axis=0), float(self.boxes[number, 0, 2])
        return float(x) + self.room.origin[0], float(y) + self.room.origin[1], bottom

    def surroundings(self, scene: RayScene) -> Surroundings:
        """Obstacles and targets of a camera in this room, in its own frame."""
        shift = np.array([*self.room.origin, 0], np.float32)

        def blocked(origins: Array, vectors: Array) -> Bool:
            return scene.blocked(origins + shift, vectors)

        return Surroundings(np.array(self.room.size), self.boxes, blocked)

    def placed_among_rooms(self, poses: list[Float64]) -> list[Float64]:
        """Poses in the room's own frame brought among the other rooms, in place."""
        for pose in poses:
            pose[:2, 3] += self.room.origin
        return poses

    def views(self, capture: Capture, scene: RayScene, rng: np.random.Generator) -> list[Float64]:
        """Poses of a camera in this room."""
        return self.placed_among_rooms(capture.views(self.surroundings(scene), rng))

    def with_moved(self, number: int, placed: Placed, load: Load) -> BuiltRoom:
        """Copy in which a piece of furniture, by its number, stands elsewhere."""
        mesh = placed_mesh(load(placed.key), placed)
        meshes, boxes = self.meshes.copy(), self.boxes.copy()
        meshes[self.shell_parts + number] = mesh.moved(*self.room.origin, 0, 0)
        boxes[number] = _bounds(mesh)
        return replace(self, meshes=meshes, boxes=boxes)


def build_room(room: Room, load: Load, rng: np.random.Generator, decor: Decor) -> BuiltRoom:
    """Build a room with random materials; `load` gives the mesh of a model by its key."""
    shell = build_shell(room, rng, decor)
    furniture = [placed_mesh(load(item.key), item) for item in room.placed]
    boxes = np.array([_bounds(mesh) for mesh in furniture]).reshape(-1, 2, 3)
    names = [part.name for part in shell.parts] + [item.name for item in room.placed]
    meshes = [mesh.moved(*room.origin, 0, 0) for mesh in [*shell.meshes(), *furniture]]
    panes = None if shell.panes is None else shell.panes.moved(*room.origin, 0, 0)
    return BuiltRoom(room, names, meshes, panes, boxes)


def ray_scene(built: Sequence[BuiltRoom]) -> RayScene:
    """Ray caster of all rooms: the meshes in their order, then all panes as one mesh."""
    meshes = [mesh for one in built for mesh in one.meshes]
    panes = [one.panes for one in built if one.panes is not None]
    return RayScene([*meshes, *([joined(panes)] if panes else [])], threads=1)


def random_lights(built: Sequence[BuiltRoom], rng: np.random.Generator) -> Lights:
    """Light of each room, which shines on its own meshes."""
    owner = np.repeat(np.arange(len(built)), [len(one.meshes) for one in built])
    origins = np.array([(*one.room.origin, 0) for one in built], np.float32)
    return Lights([random_light(one.room, rng) for one in built], origins, owner)


def _bounds(mesh: Mesh) -> Float64:
    """(2, 3) lowest and highest corner."""
    return np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)]).astype(np.float64)
