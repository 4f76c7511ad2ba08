"""Rooms seen by a simulated RGB-D camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.scene import Bool, Camera, Float64
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.synthesis.capture import CAREFUL, Capture
from seg3d_ros.synthesis.decor import PLAIN, Decor
from seg3d_ros.synthesis.fusion import NONE, Int32
from seg3d_ros.synthesis.lighting import (
    ColorCamera,
    Lights,
    random_color_camera,
    random_light,
    sky_radiance,
)
from seg3d_ros.synthesis.mesh import Array, Mesh, joined
from seg3d_ros.synthesis.optics import Optics
from seg3d_ros.synthesis.ray_scene import RayScene
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.sensor import DEPTH_UNIT, DepthSensor
from seg3d_ros.synthesis.shapes import placed_mesh
from seg3d_ros.synthesis.shell import build_shell
from seg3d_ros.synthesis.views import Surroundings

RATE_HZ = 2.0
_FIRST_STAMP_NS = 1_700_000_000_000_000_000
_FLOATING_M = 0.1
_TYPICAL_STEP = 7  # every seventh ray of a view is enough to know how bright the room is


@dataclass(frozen=True, eq=False)
class Scan:
    """Frames of a room, as a camera saw them.

    Attributes:
        frames: measured, with the poses that the robot believes in.
        instances: (H * W,) int32 for each frame: place in `names`, NONE for what is no instance.
        names: of all instances.
    """

    frames: list[RecordedFrame]
    instances: list[Int32]
    names: list[str]


def scan_rooms(
    rooms: Sequence[Room],
    load: Callable[[str], Mesh],
    rng: np.random.Generator,
    capture: Capture = CAREFUL,
    decor: Decor = PLAIN,
) -> Scan:
    """Build rooms with random materials and light, and walk through them.

    Args:
        rooms: what stands where; at least one.
        load: gives the mesh of a model by its key.
        rng: of everything that `rooms` leave open.
        capture: how they are scanned.
        decor: of all rooms.
    """
    built = [_build(room, load, rng, decor) for room in rooms]
    names = [name for one in built for name in one.names]
    meshes = [mesh for one in built for mesh in one.meshes]
    panes = [one.panes for one in built if one.panes is not None]
    scene = RayScene([*meshes, *([joined(panes)] if panes else [])], threads=1)
    poses = [pose for one in built for pose in one.views(capture, scene, rng)]
    owner = np.repeat(np.arange(len(built)), [len(one.meshes) for one in built])
    light = Lights([random_light(room, rng) for room in rooms], _origins(rooms), owner)
    some = [pixel_rays(capture.camera, pose) for pose in poses[:: max(1, len(poses) // 4)]]
    rig = _Rig(
        capture.camera,
        scene,
        len(meshes),
        light,
        random_color_camera(_typical_light(scene, light, some), rng),
        capture.sensor(rng),
        capture.optics,
        capture.gloss(len(meshes) + 1, rng),
    )
    views = [rig.look(pose, rng) for pose in poses]
    frames = [
        RecordedFrame(_FIRST_STAMP_NS + round(number * 1e9 / RATE_HZ), pose, image)
        for number, (pose, (image, _)) in enumerate(
            zip(capture.believed(poses, rng), views, strict=True)
        )
    ]
    return Scan(frames, [instances for _, instances in views], names)


@dataclass(frozen=True, eq=False)
class _Built:
    """Meshes of a room and their names; panes have none."""

    room: Room
    names: list[str]
    meshes: list[Mesh]
    panes: Mesh | None
    boxes: Float64

    def views(self, capture: Capture, scene: RayScene, rng: np.random.Generator) -> list[Float64]:
        """Poses of a camera in this room."""
        around = Surroundings(np.array(self.room.size), self.boxes, self._blocked(scene))
        poses = capture.views(around, rng)
        for pose in poses:
            pose[:2, 3] += self.room.origin
        return poses

    def _blocked(self, scene: RayScene) -> Callable[[Array, Array], Bool]:
        shift = np.array([*self.room.origin, 0], np.float32)
        return lambda origins, vectors: scene.blocked(origins + shift, vectors)


def _build(
    room: Room, load: Callable[[str], Mesh], rng: np.random.Generator, decor: Decor
) -> _Built:
    shell = build_shell(room, rng, decor)
    furniture = [placed_mesh(load(item.key), item) for item in room.placed]
    boxes = np.array([_bounds(mesh) for mesh in furniture]).reshape(-1, 2, 3)
    names = [part.name for part in shell.parts] + [item.name for item in room.placed]
    meshes = [mesh.moved(*room.origin, 0, 0) for mesh in [*shell.meshes(), *furniture]]
    panes = None if shell.panes is None else shell.panes.moved(*room.origin, 0, 0)
    return _Built(room, names, meshes, panes, boxes)


def _origins(rooms: Sequence[Room]) -> Array:
    return np.array([(*room.origin, 0) for room in rooms], np.float32)


def pixel_rays(camera: Camera, pose: Float64, *, split: int = 1) -> tuple[Array, Array]:
    """Rays through the pixels of a camera, each split `split` times both ways.

    Args:
        camera: intrinsics.
        pose: (4, 4) map_from_camera.
        split: rays along each side of a pixel.

    Returns:
        (origins, directions): (N, 3) float32, row by row. Directions have length one along the
        optical axis, so that a distance along them is depth.
    """
    u = (np.arange(camera.width * split) + 0.5) / split - 0.5
    v = (np.arange(camera.height * split) + 0.5) / split - 0.5
    x, y = np.meshgrid((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    directions = (rays @ pose[:3, :3].T).astype(np.float32)
    return np.broadcast_to(pose[:3, 3].astype(np.float32), directions.shape), directions


@dataclass(frozen=True, eq=False)
class _Rig:
    """Camera and depth sensor in a room.

    Attributes:
        camera: intrinsics of both.
        scene: all meshes.
        panes: the first mesh that is no instance.
        light: of the rooms.
        color_camera, sensor: what turns light and distances to images.
        optics: faults of the colour camera.
        gloss: (M,) of all meshes and the panes; None: all are matt.
    """

    camera: Camera
    scene: RayScene
    panes: int
    light: Lights
    color_camera: ColorCamera
    sensor: DepthSensor
    optics: Optics
    gloss: Array | None

    def look(self, pose: Float64, rng: np.random.Generator) -> tuple[DepthImage, Int32]:
        """Depth image from a pose, and the instances in it (H * W,)."""
        origins, directions = pixel_rays(self.camera, pose)
        hits = self.scene.cast(origins, directions)
        bright = hits.mesh == self.panes
        glow = self.light.radiance(hits)
        glow[bright] = sky_radiance(hits.colors[bright], self.color_camera.typical)
        size = (self.camera.height, self.camera.width)
        facing = -np.einsum("nk,nk->n", hits.normals, directions)
        facing /= np.sqrt(_sums(directions * directions))
        depth = np.where(bright, np.inf, hits.distance).reshape(size)
        albedo = (_sums(hits.colors) / np.float32(3)).reshape(size)
        gloss = None if self.gloss is None else self.gloss[hits.mesh].reshape(size)
        measured = self.sensor.measure(depth, facing.reshape(size), albedo, rng, gloss=gloss)
        arriving = self.optics.distort(glow.reshape(*size, 3), rng).reshape(-1, 3)
        color = self.color_camera.photograph(arriving, rng).reshape(*size, 3)
        # A pixel that mixes two depths floats between two things and belongs to none.
        floating = np.abs(measured * DEPTH_UNIT - depth).ravel() > _FLOATING_M
        instances = np.where(bright | floating, NONE, hits.mesh).astype(np.int32)
        return DepthImage(color, measured, DEPTH_UNIT, self.camera), instances


def _sums(rows: Array) -> Array:
    """(N,) sums of (N, 3) rows; a reduction along so short an axis is four times slower."""
    return np.asarray(rows[:, 0] + rows[:, 1] + rows[:, 2])


def _bounds(mesh: Mesh) -> Float64:
    """(2, 3) lowest and highest corner."""
    return np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)]).astype(np.float64)


def _typical_light(scene: RayScene, light: Lights, rays: list[tuple[Array, Array]]) -> float:
    """Mean light along the rays of a few views."""
    hits = scene.cast(*(np.concatenate(part)[::_TYPICAL_STEP] for part in zip(*rays)))
    return float(light.radiance(hits).mean())
