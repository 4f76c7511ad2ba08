"""Choosing what to show of a room and from where: a doll's house with lid and near walls off."""

from __future__ import annotations

import numpy as np

from seg3d_ros.distinct import distinct
from seg3d_ros.pictures.point_splatting import View, splat
from seg3d_ros.scene import Bool, Float32, Float64

LID_HEIGHT_M = 2.0  # above the floor; higher up are ceilings and the tops of walls
WALL_HEIGHT_M = 1.4  # a column of points this tall and this full is a wall
WALL_FILL = 0.5
WALL_DEPTH_M = 0.25
PITCH_DEG = 42.0
FIELD_OF_VIEW_DEG = 32.0
_MARGIN = 1.08  # distance over that at which the points touch the frame
_COLUMN_M = 0.1
_LAYER_M = 0.1
_AZIMUTHS = 16
_PREVIEW = (160, 160)
_PREVIEW_POINTS = 60_000


def below_lid(points: Float32) -> Bool:
    """(N,) True for points under the cut that takes the ceiling off."""
    if not len(points):
        return np.zeros(0, bool)
    floor = np.percentile(points[:, 2], 1)
    return np.asarray(points[:, 2] < floor + LID_HEIGHT_M)


def wall_points(points: Float32) -> Bool:
    """(N,) True for points in tall columns without gaps, as walls are; z is up."""
    columns = np.floor(points[:, :2] / _COLUMN_M).astype(np.int64)
    columns -= columns.min(axis=0)
    column = columns[:, 0] * (columns[:, 1].max() + 1) + columns[:, 1]
    floor = np.percentile(points[:, 2], 1)
    layer = np.clip((points[:, 2] - floor) / _LAYER_M, 0, None).astype(np.int64)
    layers = int(LID_HEIGHT_M / _LAYER_M) + 1
    occupied = np.zeros((column.max() + 1, layers), bool)
    occupied[column, np.minimum(layer, layers - 1)] = True
    tall = occupied[:, int(WALL_HEIGHT_M / _LAYER_M) :].any(axis=1)
    full = occupied.mean(axis=1) > WALL_FILL
    return np.asarray((tall & full)[column])


def best_view(
    points: Float32, of_object: Bool, *, size: tuple[int, int], azimuth: float | None = None
) -> tuple[View, Bool]:
    """Find the view from above that shows most, objects first.

    Args:
        points: (N, 3) float32, map frame, metres, N > 0.
        of_object: (N,) True for points of an object: these count double and are never cut off.
        size: width and height of the picture, pixels.
        azimuth: side to look from, radians from the x axis; None: the best of some.

    Returns:
        The view, and (N,) True for the points to draw in it.
    """
    wall = wall_points(points) & ~of_object
    thin = np.arange(0, len(points), max(1, len(points) // _PREVIEW_POINTS))
    weight = np.where(of_object[thin], 2.0, 1.0)

    def shown(azimuth: float) -> float:
        drawn = thin[~front_wall(points[thin], wall[thin], azimuth)]
        view = _fitted(points[drawn], azimuth, _PREVIEW)
        spacing = 2.5 * float(np.ptp(points[thin, :2], axis=0).max()) / _PREVIEW[0]
        seen = distinct(splat(points[drawn], view, point_size=spacing).rows.ravel())
        return float(weight[np.searchsorted(thin, drawn[seen[seen >= 0]])].sum())

    if azimuth is None:
        azimuth = max((np.arange(_AZIMUTHS) * 2 * np.pi / _AZIMUTHS).tolist(), key=shown)
    drawn = ~front_wall(points, wall, azimuth)
    return _fitted(points[drawn], azimuth, size), drawn


def front_wall(points: Float32, wall: Bool, azimuth: float) -> Bool:
    """(N,) True for the outermost wall between a room and who looks at it.

    Args:
        points: (N, 3) float32, map frame, metres.
        wall: (N,) True for points of walls.
        azimuth: where the viewer stands, radians from the x axis.
    """
    towards = points[:, :2] @ [np.cos(azimuth), np.sin(azimuth)]
    across = points[:, :2] @ [-np.sin(azimuth), np.cos(azimuth)]
    strip = np.floor((across - across.min()) / _COLUMN_M).astype(np.int64)
    nearest = np.full(strip.max() + 1, -np.inf)
    np.maximum.at(nearest, strip[wall], towards[wall])
    near_half = towards > np.median(towards)
    return np.asarray(wall & near_half & (towards > nearest[strip] - WALL_DEPTH_M))


def _fitted(points: Float32, azimuth: float, size: tuple[int, int]) -> View:
    """View that fills the image with all but the stray points; `azimuth` is where it stands."""
    width, height = size
    camera_from_map = np.eye(4)
    camera_from_map[:3, :3] = _looking_down(azimuth)
    seen = points[:: max(1, len(points) // 20_000)] @ camera_from_map[:3, :3].T
    low, high = np.percentile(seen, [0.3, 99.7], axis=0)
    half = (
        np.array([width, height]) / max(width, height) * np.tan(np.radians(FIELD_OF_VIEW_DEG / 2))
    )
    camera_from_map[:2, 3] = -(low + high)[:2] / 2
    reach = np.abs(seen[:, :2] + camera_from_map[:2, 3]) / half - seen[:, 2:]
    camera_from_map[2, 3] = max(np.percentile(reach, 99.7) * _MARGIN, 0.3 - low[2])
    focal = max(width, height) / 2 / np.tan(np.radians(FIELD_OF_VIEW_DEG / 2))
    view = View(width, height, focal, (width / 2, height / 2), camera_from_map)
    pixels = view.project(seen @ camera_from_map[:3, :3])[:, :2]
    low_px, high_px = np.percentile(pixels, [0.3, 99.7], axis=0)
    center = np.array([width, height]) - (low_px + high_px) / 2
    return View(width, height, focal, (float(center[0]), float(center[1])), camera_from_map)


def _looking_down(azimuth: float) -> Float64:
    """Rotation (3, 3) camera from map for a viewer at an azimuth around the room, z up."""
    pitch = np.radians(PITCH_DEG)
    forward = -np.array(
        [np.cos(azimuth) * np.cos(pitch), np.sin(azimuth) * np.cos(pitch), np.sin(pitch)]
    )
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
