"""The pinhole camera behind an organised cloud that comes without one."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Camera, Float32, Float64

_STEP = 8  # every eighth pixel each way is plenty for four unknowns
_MIN_PIXELS = 50
_MAX_RESIDUAL = 0.5  # pixels


def estimate_camera(points: Float32, grid: tuple[int, int]) -> Camera | None:
    """Fit a pinhole to points in image order: x/z against the column, y/z against the row.

    Args:
        points: (H * W, 3) float32, optical frame, NaN where nothing was measured.
        grid: (H, W).

    Returns:
        The camera; None when too little was measured or the points are no pinhole's view along
        +z (a spinning lidar, a cloud in another frame).
    """
    height, width = grid
    with np.errstate(invalid="ignore"):  # bytes that are no numbers
        image = points.reshape(height, width, 3)[::_STEP, ::_STEP].astype(np.float64)
    rows, columns = np.nonzero((image[..., 2] > 0) & np.isfinite(image).all(axis=-1))
    if len(rows) < _MIN_PIXELS:
        return None
    x, y, z = image[rows, columns].T
    across = _fit(columns.astype(np.float64) * _STEP, x / z)
    down = _fit(rows.astype(np.float64) * _STEP, y / z)
    if across is None or down is None:
        return None
    return Camera(width, height, across[0], down[0], across[1], down[1])


def _fit(pixels: Float64, slopes: Float64) -> tuple[float, float] | None:
    """Focal length and centre with slope = (pixel - centre) / focal, None for a bad fit."""
    offsets = pixels - pixels.mean()
    spread = float(offsets @ offsets)
    if spread == 0:
        return None
    gain = float(offsets @ slopes) / spread  # 1 / focal length
    residuals = slopes - slopes.mean() - gain * offsets
    if not np.abs(residuals).max() <= _MAX_RESIDUAL * abs(gain):
        return None
    return 1 / gain, float(pixels.mean() - slopes.mean() / gain)
