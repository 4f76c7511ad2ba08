"""Simulated RGB-D camera: rays through its pixels, and the images of a built room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Camera, Float64
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.synthesis.capture import Capture
from seg3d_ros.synthesis.fusion import NONE, Int32
from seg3d_ros.synthesis.lighting import ColorCamera, Lights, random_color_camera, sky_radiance
from seg3d_ros.synthesis.mesh import Array
from seg3d_ros.synthesis.optics import Optics
from seg3d_ros.synthesis.ray_scene import RayScene
from seg3d_ros.synthesis.sensor import DEPTH_UNIT, DepthSensor

_FLOATING_M = 0.1
_TYPICAL_STEP = 7  # every seventh ray of a view is enough to know how bright the room is


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
class Rig:
    """Camera and depth sensor in a room.

    Attributes:
        camera: intrinsics of both.
        scene: all meshes; another one may take its place when things are moved.
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


def make_rig(
    scene: RayScene,
    light: Lights,
    panes: int,
    poses: list[Float64],
    rng: np.random.Generator,
    capture: Capture,
) -> Rig:
    """Rig with cameras drawn at random, exposed for the light of a few of the poses.

    Args:
        scene: all meshes.
        light: of the rooms.
        panes: number of the meshes that are instances; those after them are panes.
        poses: (4, 4) map_from_camera, at least one.
        rng: of the cameras.
        capture: how the rooms are scanned.
    """
    some = [pixel_rays(capture.camera, pose) for pose in poses[:: max(1, len(poses) // 4)]]
    return Rig(
        capture.camera,
        scene,
        panes,
        light,
        random_color_camera(_typical_light(scene, light, some), rng),
        capture.sensor(rng),
        capture.optics,
        capture.gloss(panes + 1, rng),
    )


def _typical_light(scene: RayScene, light: Lights, rays: list[tuple[Array, Array]]) -> float:
    """Mean light along the rays of a few views."""
    hits = scene.cast(*(np.concatenate(part)[::_TYPICAL_STEP] for part in zip(*rays)))
    return float(light.radiance(hits).mean())
