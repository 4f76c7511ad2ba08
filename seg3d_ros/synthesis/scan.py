"""A room seen by a simulated RGB-D camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seg3d_ros.mapping.depth_image import DepthImage
from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.scene import Camera, Float64
from seg3d_ros.synthesis.capture import CAREFUL, Capture
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
    """What a camera has seen of a room.

    Attributes:
        frames: measured, with the poses that the robot believes in.
        instances: (H * W,) int32 for each frame: place in `names`, NONE for what is no instance.
        names: of all instances.
    """

    frames: list[RecordedFrame]
    instances: list[Int32]
    names: list[str]


def scan_room(
    room: Room,
    load: Callable[[str], Mesh],
    rng: np.random.Generator,
    capture: Capture = CAREFUL,
) -> Scan:
    """Build a room with random materials and light, and walk through it.

    Args:
        room: what stands where.
        load: gives the mesh of a model by its key.
        rng: of everything that `room` leaves open.
        capture: how it is scanned.
    """
    shell = build_shell(room, rng)
    furniture = [placed_mesh(load(item.key), item) for item in room.placed]
    names = [part.name for part in shell.parts] + [item.name for item in room.placed]
    meshes = [part.mesh for part in shell.parts] + furniture
    panes = [] if shell.panes is None else [shell.panes]
    scene = RayScene([*meshes, *panes], threads=1)
    boxes = np.array([_bounds(mesh) for mesh in furniture]).reshape(-1, 2, 3)
    poses = capture.views(Surroundings(np.array(room.size), boxes, scene.blocked), rng)
    light = random_light(room, rng)
    some = [pixel_rays(capture.camera, pose) for pose in poses[:: max(1, len(poses) // 4)]]
    typical = _typical_light(scene, light, some)
    rig = _Rig(
        capture.camera,
        scene,
        len(meshes),
        light,
        random_color_camera(typical, rng),
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
        light: of the room.
        color_camera, sensor: what turns light and distances to images.
        optics: faults of the colour camera.
        gloss: (M,) of all meshes and the panes; None: all are matt.
    """

    camera: Camera
    scene: RayScene
    panes: int
    light: Light
    color_camera: ColorCamera
    sensor: DepthSensor
    optics: Optics
    gloss: Array | None

    def look(self, pose: Float64, rng: np.random.Generator) -> tuple[DepthImage, Int32]:
        """What both see from a pose, and the instances in it (H * W,)."""
        origins, directions = pixel_rays(self.camera, pose)
        hits = self.scene.cast(origins, directions)
        bright = hits.mesh == self.panes
        glow = radiance(hits, self.light)
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


def _typical_light(scene: RayScene, light: Light, rays: list[tuple[Array, Array]]) -> float:
    """Mean light along the rays of a few views."""
    hits = scene.cast(*(np.concatenate(part)[::_TYPICAL_STEP] for part in zip(*rays)))
    return float(radiance(hits, light).mean())
