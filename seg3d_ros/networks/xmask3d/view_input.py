"""Input of XMask3D from one view: visible points, their voxels and pixels, the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seg3d_ros.networks.xmask3d.projection import IMAGE_SHAPE, find_visible
from seg3d_ros.networks.xmask3d.voxels import PointVoxels, voxelize_points
from seg3d_ros.scene import Camera, Float32, Float64, Int64, Scene, UInt8, View

IMAGE_EDGE = 512  # pixels of the square that an image becomes
_FEWEST = 400  # points; views with fewer were never trained on


@dataclass(frozen=True, eq=False)
class ViewInput:
    """View of a scene, with P visible points.

    Attributes:
        points: (P,) int64 rows of the visible points in the scene.
        voxels: of these points.
        rows: (P,) int64 pixel row of each, on a grid of 240 x 320.
        columns: (P,) int64 pixel column.
        image: (3, 512, 512) RGB in [0, 1].
    """

    points: Int64
    voxels: PointVoxels
    rows: Tensor
    columns: Tensor
    image: Tensor

    def to(self, device: torch.device) -> ViewInput:
        """Copy on another device."""
        return ViewInput(
            self.points,
            self.voxels.to(device),
            self.rows.to(device),
            self.columns.to(device),
            self.image.to(device),
        )


def prepare_view(scene: Scene, view: View, turn: Float64 | None = None) -> ViewInput | None:
    """A view as the network takes it; None where it sees too little of the scene.

    Args:
        scene: its points.
        view: a picture of it.
        turn: (3, 3) turn and scale of the points, see `voxelize_points`.
    """
    height, width = IMAGE_SHAPE
    pose = scene.grid.local_from_sensor(view.map_from_camera)
    matrix = _matrix(view.camera.resized(width, height))
    seen = find_visible(scene.points, pose, matrix, _nearest(view.depth, IMAGE_SHAPE))
    points = seen.visible.nonzero()[0]
    if len(points) < _FEWEST:
        return None
    return ViewInput(
        points,
        voxelize_points(scene.points[points], 2 * scene.colors[points] - 1, turn),
        torch.from_numpy(seen.rows),
        torch.from_numpy(seen.columns),
        square_image(view.color),
    )


def square_image(color: UInt8) -> Tensor:
    """(3, 512, 512) RGB in [0, 1] of a picture (H, W, 3), squeezed; rounded to 8 bits as there."""
    pixels = torch.from_numpy(color.astype(np.float32)).permute(2, 0, 1)[None]
    edges = (IMAGE_EDGE, IMAGE_EDGE)
    resized = interpolate(pixels, edges, mode="bilinear", align_corners=False)
    return resized[0].round() / 255


def _matrix(camera: Camera) -> Float64:
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def _nearest(depth: Float32, shape: tuple[int, int]) -> Float32:
    """Depth at the centres of coarser or finer pixels; zero where there is none."""
    rows, columns = (
        ((np.arange(size) + 0.5) * whole / size).astype(np.int64)
        for size, whole in zip(shape, depth.shape, strict=True)
    )
    return np.nan_to_num(depth[np.ix_(rows, columns)], nan=0.0, posinf=0.0)
