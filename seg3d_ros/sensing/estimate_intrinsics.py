"""Estimate of pinhole intrinsics from an organised cloud."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seg3d_ros.scene import Camera, Float32, Float64, Frame

_SAMPLES = 16  # pixels each way are plenty for four unknowns
_LARGEST_STEP = 8
_MIN_PIXELS = 50
_MAX_RESIDUAL = 0.5  # pixels
_MAX_LENS_RESIDUAL = 0.05  # of the image's width: lenses of depth cameras bend less
# Axes right, down and forward of an optical frame, and of a body frame (x forward, z up).
_OPTICAL, _BODY = ((0, 1, 2), (1, 1, 1)), ((1, 2, 0), (-1, -1, 1))


def as_image(frame: Frame) -> Frame:
    """Frame with the camera that it was taken with, in optical axes.

    An organised cloud has its intrinsics estimated. In a body frame (REP-103: x forward, z up), as
    some drivers give it, its points are turned to the axes of its camera, and its pose with them.
    What is no pinhole's image stays as it is.
    """
    if frame.grid is None or frame.camera is not None:
        return frame
    camera = estimate_camera(frame.points, frame.grid)
    if camera is not None:
        return replace(frame, camera=camera)
    columns, signs = _BODY
    camera = _fitted_camera(frame.points, frame.grid, _BODY)
    if camera is None or camera.fx < 0 or camera.fy < 0:
        return frame
    body_from_optical = np.zeros((4, 4))
    body_from_optical[columns, (0, 1, 2)] = signs
    body_from_optical[3, 3] = 1.0
    return replace(
        frame,
        points=frame.points[:, columns] * np.array(signs, np.float32),
        map_from_sensor=frame.map_from_sensor @ body_from_optical,
        camera=camera,
    )


def camera_of(frame: Frame) -> Camera | None:
    """Intrinsics of a frame that is an image; None where they are not known or do not fit it."""
    if frame.camera is None or frame.grid is None:
        return None
    same_size = (frame.camera.height, frame.camera.width) == frame.grid
    return frame.camera if same_size else None


def estimate_camera(points: Float32, grid: tuple[int, int]) -> Camera | None:
    """Fit a pinhole to points in image order: x/z against the column, y/z against the row.

    Args:
        points: (H * W, 3) float32, optical frame, NaN where nothing was measured.
        grid: (H, W).

    Returns:
        The camera; None when too little was measured or the points are no pinhole's view along
        +z (a spinning lidar, a cloud in another frame).
    """
    return _fitted_camera(points, grid, _OPTICAL)


def is_image(points: Float32, grid: tuple[int, int]) -> bool:
    """True when points in image order are a camera's view, of any lens but a fisheye.

    Args:
        points: (H * W, 3) float32, optical or body frame (REP-103), NaN where nothing was
            measured.
        grid: (H, W).
    """
    most = (_MAX_LENS_RESIDUAL * grid[1], _MAX_LENS_RESIDUAL * grid[0])
    return any(_fit_image(points, grid, axes, most) is not None for axes in (_OPTICAL, _BODY))


Axes = tuple[tuple[int, int, int], tuple[int, int, int]]  # column of the points, and its sign
Line = tuple[float, float]  # focal length and center, pixels


def _fitted_camera(points: Float32, grid: tuple[int, int], axes: Axes) -> Camera | None:
    fit = _fit_image(points, grid, axes, (_MAX_RESIDUAL, _MAX_RESIDUAL))
    if fit is None:
        return None
    (fx, cx), (fy, cy) = fit
    return Camera(grid[1], grid[0], fx, fy, cx, cy)


def _fit_image(
    points: Float32, grid: tuple[int, int], axes: Axes, most: tuple[float, float]
) -> tuple[Line, Line] | None:
    """Focal length and center across and down; None where pixels deviate by more than `most`."""
    height, width = grid
    v_step, u_step = (max(1, min(_LARGEST_STEP, side // _SAMPLES)) for side in grid)
    with np.errstate(invalid="ignore"):  # bytes that are no numbers
        image = points.reshape(height, width, 3)[::v_step, ::u_step].astype(np.float64)
    image = image[..., axes[0]] * axes[1]
    rows, columns = np.nonzero((image[..., 2] > 0) & np.isfinite(image).all(axis=-1))
    if len(rows) < _MIN_PIXELS:
        return None
    x, y, z = image[rows, columns].T
    with np.errstate(over="ignore"):
        across = _fit(columns.astype(np.float64) * u_step, x / z, most[0])
        down = _fit(rows.astype(np.float64) * v_step, y / z, most[1])
    return None if across is None or down is None else (across, down)


def _fit(pixels: Float64, slopes: Float64, most: float) -> Line | None:
    """Focal length and center with slope = (pixel - center) / focal, None for a bad fit."""
    offsets = pixels - pixels.mean()
    spread = float(offsets @ offsets)
    if spread == 0:
        return None
    gain = float(offsets @ slopes) / spread  # 1 / focal length
    residuals = slopes - slopes.mean() - gain * offsets
    if gain == 0 or not np.abs(residuals).max() <= most * abs(gain):
        return None
    return 1 / gain, float(pixels.mean() - slopes.mean() / gain)
