"""A room seen by a simulated RGB-D camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seg3d_ros.recordings.recording import DepthImage, RecordedFrame
from seg3d_ros.scene import Camera, Float64
from seg3d_ros.synthesis.fusion import NONE, Int32
from seg3d_ros.synthesis.lighting import (
    ColorCamera,
    Light,
    radiance,
    random_color_camera,
    random_light,
    sky_radiance,
)
from seg3d_ros.synthesis.mesh import Array, Mesh
from seg3d_ros.synthesis.ray_scene import RayScene
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.sensor import DEPTH_UNIT, DepthSensor, random_sensor
from seg3d_ros.synthesis.shell import build_shell
from seg3d_ros.synthesis.walk import random_walk, with_tracking_errors

CAMERA = Camera(320, 240, 262.5, 262.5, 159.5, 119.5)
RATE_HZ = 2.0
_FIRST_STAMP_NS = 1_700_000_000_000_000_000
_FLOATING_M = 0.1
_TYPICAL_STEP = 7  # every seventh ray of a view is enough to know how bright the room is


@dataclass(frozen=True, eq=False)
class Scan:
    """What a camera has seen of a room.

    Attributes:
        frames: measured, with the poses that the robot believes in.
        instances: (H * W,) int32 for each frame: place in `names`, NONE for what is no instance.
        names: of all instances.
    """

    frames: list[RecordedFrame]
    instances: list[Int32]
    names: list[str]


def scan_room(room: Room, load: Callable[[str], Mesh], rng: np.random.Generator) -> Scan:
    """Build a room with random materials and light, and walk through it.

    Args:
        room: what stands where.
        load: gives the mesh of a model by its key.
        rng: of everything that `room` leaves open.
    """
    shell = build_shell(room, rng)
    furniture = [
        load(item.key).moved(item.x, item.y, item.z, item.turn_deg, scale=item.scale)
        for item in room.placed
    ]
    names = [part.name for part in shell.parts] + [item.name for item in room.placed]
    meshes = [part.mesh for part in shell.parts] + furniture
    panes = [] if shell.panes is None else [shell.panes]
    scene = RayScene([*meshes, *panes], threads=1)
    boxes = np.array([_bounds(mesh) for mesh in furniture]).reshape(-1, 2, 3)
    poses = random_walk(np.array(room.size), boxes, rng)
    light = random_light(room, rng)
    rig = _Rig(
        scene,
        len(meshes),
        light,
        random_color_camera(_typical_light(scene, light, poses), rng),
        random_sensor(rng),
    )
    views = [rig.look(pose, rng) for pose in poses]
    frames = [
        RecordedFrame(_FIRST_STAMP_NS + round(number * 1e9 / RATE_HZ), pose, image)
        for number, (pose, (image, _)) in enumerate(
            zip(with_tracking_errors(poses, rng), views, strict=True)
        )
    ]
    return Scan(frames, [instances for _, instances in views], names)


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
    """Camera and depth sensor in a room; `panes` is the first mesh of the scene that is none."""

    scene: RayScene
    panes: int
    light: Light
    color_camera: ColorCamera
    sensor: DepthSensor

    def look(self, pose: Float64, rng: np.random.Generator) -> tuple[DepthImage, Int32]:
        """What both see from a pose, and the instances in it (H * W,)."""
        origins, directions = pixel_rays(CAMERA, pose)
        hits = self.scene.cast(origins, directions)
        bright = hits.mesh == self.panes
        glow = radiance(hits, self.light)
        glow[bright] = sky_radiance(hits.colors[bright], self.color_camera.typical)
        size = (CAMERA.height, CAMERA.width)
        facing = -np.einsum("nk,nk->n", hits.normals, directions)
        facing /= np.sqrt(_sums(directions * directions))
        depth = np.where(bright, np.inf, hits.distance).reshape(size)
        albedo = (_sums(hits.colors) / np.float32(3)).reshape(size)
        measured = self.sensor.measure(depth, facing.reshape(size), albedo, rng)
        color = self.color_camera.photograph(glow, rng).reshape(*size, 3)
        # A pixel that mixes two depths floats between two things and belongs to none.
        floating = np.abs(measured * DEPTH_UNIT - depth).ravel() > _FLOATING_M
        instances = np.where(bright | floating, NONE, hits.mesh).astype(np.int32)
        return DepthImage(color, measured, DEPTH_UNIT, CAMERA), instances


def _sums(rows: Array) -> Array:
    """(N,) sums of (N, 3) rows; a reduction along so short an axis is four times slower."""
    return np.asarray(rows[:, 0] + rows[:, 1] + rows[:, 2])


def _bounds(mesh: Mesh) -> Float64:
    """(2, 3) lowest and highest corner."""
    return np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)]).astype(np.float64)


def _typical_light(scene: RayScene, light: Light, poses: list[Float64]) -> float:
    """Mean light in a few of the views."""
    rays = [pixel_rays(CAMERA, pose) for pose in poses[:: max(1, len(poses) // 4)]]
    hits = scene.cast(*(np.concatenate(part)[::_TYPICAL_STEP] for part in zip(*rays)))
    return float(radiance(hits, light).mean())
