"""A scene photographed once, to be painted in as many colours as there are things to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from seg3d_ros.pictures.id_colors import NO_OBJECT, colors_of_ids
from seg3d_ros.pictures.point_splatting import View, edge_shade, splat
from seg3d_ros.pictures.viewpoint import below_lid, best_view
from seg3d_ros.scene import Bool, Float32

BACKGROUND = np.array([28, 31, 36])
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_SMOOTHING = 2  # drawn this much larger, then reduced: smooth edges
_SPLAT_VOXELS = 1.9  # diameter that closes a surface of voxels at any angle


@dataclass(frozen=True, eq=False)
class Shot:
    """A view of N points, twice as large as the picture it becomes.

    Attributes:
        view: the virtual camera of the large view.
        picture_view: that of the picture.
        rows: (H, W) int32 point that each pixel shows, -1 for none.
        depth: (H, W) metres, infinite where there is none.
        shade: (H, W) brightness in [0, 1].
        drawn: (N,) False for points that were cut off to look inside.
    """

    view: View
    picture_view: View
    rows: npt.NDArray[np.int32]
    depth: Float32
    shade: Float32
    drawn: Bool

    def paint(self, colors: Float32) -> Image.Image:
        """Large image of the points in (N, 3) colours in [0, 1]."""
        pixels = np.vstack([colors, np.float32(BACKGROUND) / 255])[self.rows]  # -1: background
        return Image.fromarray(np.rint(pixels * self.shade[:, :, None] * 255).astype(np.uint8))

    def reduced(self, image: Image.Image) -> Image.Image:
        """A large image at the size of the picture."""
        size = (self.picture_view.width, self.picture_view.height)
        filters = getattr(Image, "Resampling", Image)  # Pillow < 9.1
        return image.resize(size, resample=filters.LANCZOS)


def shoot(
    points: Float32,
    of_object: Bool,
    *,
    voxel_size: float,
    size: tuple[int, int],
    azimuth: float | None = None,
) -> Shot:
    """Look into a room from where most of it shows, without its ceiling and near walls.

    Args:
        points: (N, 3) float32, map frame, metres, N > 0.
        of_object: (N,) True for what counts most.
        voxel_size: distance between neighbouring points, metres.
        size: width and height of the picture, pixels.
        azimuth: side to look from, radians from the x axis; None: the one that shows most.
    """
    drawn = below_lid(points)
    view, in_view = best_view(points[drawn], of_object[drawn], size=size, azimuth=azimuth)
    drawn[drawn] = in_view
    large = view.enlarged(_SMOOTHING)
    splatted = splat(points[drawn], large, point_size=_SPLAT_VOXELS * voxel_size)
    rows = np.append(np.flatnonzero(drawn), -1).astype(np.int32)[splatted.rows]
    shade = edge_shade(splatted.depth, tolerance=2 * voxel_size)
    return Shot(large, view, rows, splatted.depth, shade, drawn)


def painted(colors: Float32, ids: npt.NDArray[np.uint32]) -> Float32:
    """Objects in their palette colour, the rest dim grey; both as light or dark as the input."""
    light = (colors @ _LUMINANCE)[:, None]
    dim = 0.30 + 0.32 * light
    vivid = colors_of_ids(ids) / np.float32(255) * (0.62 + 0.5 * light)
    return np.where((ids != NO_OBJECT)[:, None], vivid, dim).clip(0, 1).astype(np.float32)
