"""Lens distortion: view rays of pixels and pixels of points, tabulated once a camera."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Camera, Float32, Float64
from seg3d_ros.sensing.frame_filter import PAD

Int32 = npt.NDArray[np.int32]
_TERMS = 12  # coefficients of the polynomial model, see `scene.Distortion`
_ITERATIONS = 50
_CONVERGED = 1e-9  # on the image plane at distance 1; pixels are about 1e-3 wide
_WIDEST_ANGLE = 1.5  # radians from the optical axis; rays further out have no useful x / z
_MAX_ENLARGEMENT = 2  # of the ideal image over the distorted one, each way


class Lens(NamedTuple):
    """Camera in the form that compiled code takes.

    Attributes:
        fx, fy, cx, cy: pixels.
        coefficients: (12,) float64, those of an equidistant lens in the first four.
        equidistant: selects the model.
        max_radius2: squared x / z, y / z radius of the outermost view ray. Beyond it the
            polynomial may fold back into the image.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    coefficients: Float64
    equidistant: bool
    max_radius2: float


class IdealView(NamedTuple):
    """Pinhole image that a distorted one is resampled to.

    Attributes:
        camera: intrinsics without distortion.
        pixels: (H + 2 PAD, W + 2 PAD) int32, index into the flat, padded distorted image; 0,
            a pixel of the padding, where it shows nothing.
    """

    camera: Camera
    pixels: Int32


@lru_cache(maxsize=8)
def view_rays(camera: Camera) -> Float32:
    """View rays of all pixels.

    Returns:
        (H, W, 2) float32, read-only: x / z and y / z; NaN where the lens model has no ray.
    """
    rays = np.empty((camera.height, camera.width, 2), np.float64)
    _undistort_all(_lens(camera, np.inf), rays)
    rays32: Float32 = rays.astype(np.float32)
    rays32.flags.writeable = False
    return rays32


@lru_cache(maxsize=8)
def lens_of(camera: Camera) -> Lens:
    """The camera for compiled code; its outermost ray is that of its own image."""
    if camera.distortion is None:
        return _lens(camera, np.inf)
    squared = (view_rays(camera) ** 2).sum(axis=-1)
    return _lens(camera, float(np.nanmax(squared, initial=0.0)))


@lru_cache(maxsize=4)
def ideal_view(camera: Camera) -> IdealView:
    """Pinhole image with the focal length of a distorted camera that shows what it sees."""
    rays = view_rays(camera)
    ideal = _ideal_camera(camera, rays)
    x = (np.arange(ideal.width) - ideal.cx) / ideal.fx
    y = (np.arange(ideal.height) - ideal.cy) / ideal.fy
    pixels = np.zeros((ideal.height + 2 * PAD, ideal.width + 2 * PAD), np.int32)
    _tabulate(lens_of(camera), x, y, (camera.height, camera.width), pixels)
    return IdealView(ideal, pixels)


def resample(view: IdealView, ranges: Float32) -> Float32:
    """Padded range image of a distorted camera as its ideal view."""
    resampled = np.empty(view.pixels.shape, np.float32)
    _gather(ranges.ravel(), view.pixels.ravel(), resampled.ravel())
    return resampled


def _ideal_camera(camera: Camera, rays: Float32) -> Camera:
    """The camera without distortion, its image as large as the rays reach."""
    sides = []
    for axis, (focal, center, size) in enumerate(
        ((camera.fx, camera.cx, camera.width), (camera.fy, camera.cy, camera.height))
    ):
        seen = focal * rays[..., axis] + center
        spare = (_MAX_ENLARGEMENT - 1) * size / 2
        low = np.floor(max(float(np.nanmin(seen, initial=0.0)), -spare))
        high = np.ceil(min(float(np.nanmax(seen, initial=0.0)), size + spare))
        sides.append((int(high - low) + 1, float(center - low)))
    (width, cx), (height, cy) = sides
    return replace(camera, width=width, height=height, cx=cx, cy=cy, distortion=None)


def _lens(camera: Camera, max_radius2: float) -> Lens:
    distortion = camera.distortion
    equidistant = distortion is not None and distortion.equidistant
    coefficients = np.zeros(_TERMS)
    if distortion is not None:
        coefficients[: len(distortion.coefficients)] = distortion.coefficients
    fx, fy, cx, cy = map(float, (camera.fx, camera.fy, camera.cx, camera.cy))
    return Lens(fx, fy, cx, cy, coefficients, equidistant, max_radius2)


@kernel(inline="always")
def _distort_polynomial(x, y, c):  # type: ignore[no-untyped-def]
    r2 = x * x + y * y
    radial = (1 + r2 * (c[0] + r2 * (c[1] + r2 * c[4]))) / (
        1 + r2 * (c[5] + r2 * (c[6] + r2 * c[7]))
    )
    across = x * radial + 2 * c[2] * x * y + c[3] * (r2 + 2 * x * x) + r2 * (c[8] + r2 * c[9])
    down = y * radial + c[2] * (r2 + 2 * y * y) + 2 * c[3] * x * y + r2 * (c[10] + r2 * c[11])
    return across, down


@kernel(inline="always")
def _distort_angle(angle, c):  # type: ignore[no-untyped-def]
    a2 = angle * angle
    return angle * (1 + a2 * (c[0] + a2 * (c[1] + a2 * (c[2] + a2 * c[3]))))


@kernel
def project(lens, x, y):  # type: ignore[no-untyped-def]
    """Pixel (u, v) of the view ray (x, y, 1); NaN beyond the rays of the image."""
    r2 = x * x + y * y
    if r2 > lens.max_radius2:
        return np.nan, np.nan
    if lens.equidistant:
        radius = np.sqrt(r2)
        scale = _distort_angle(np.arctan(radius), lens.coefficients) / radius if radius else 1.0
        x, y = x * scale, y * scale
    else:
        x, y = _distort_polynomial(x, y, lens.coefficients)
    return lens.fx * x + lens.cx, lens.fy * y + lens.cy


@kernel
def _undistort_equidistant(x, y, c):  # type: ignore[no-untyped-def]
    """View ray of a point on the image plane, by Newton's method for the angle."""
    radius = np.sqrt(x * x + y * y)
    if radius == 0:
        return x, y
    angle = min(radius, _WIDEST_ANGLE)
    for _ in range(_ITERATIONS):
        a2 = angle * angle
        slope = 1 + a2 * (3 * c[0] + a2 * (5 * c[1] + a2 * (7 * c[2] + a2 * 9 * c[3])))
        error = _distort_angle(angle, c) - radius
        if not slope > 0:  # the polynomial has passed its turning point
            return np.nan, np.nan
        angle -= error / slope
        if abs(error) < _CONVERGED:
            break
    if not (abs(error) < _CONVERGED and 0 < angle < _WIDEST_ANGLE):
        return np.nan, np.nan
    scale = np.tan(angle) / radius
    return x * scale, y * scale


@kernel
def _undistort_polynomial(target_x, target_y, c):  # type: ignore[no-untyped-def]
    """View ray of a point on the image plane, by Newton's method in two dimensions."""
    x, y = target_x, target_y
    small = 1e-6
    for _ in range(_ITERATIONS):
        across, down = _distort_polynomial(x, y, c)
        dx, dy = across - target_x, down - target_y
        ax, ay = _distort_polynomial(x + small, y, c)
        bx, by = _distort_polynomial(x, y + small, c)
        xx, yx = (ax - across) / small, (ay - down) / small
        xy, yy = (bx - across) / small, (by - down) / small
        area = xx * yy - xy * yx
        if not (area > 0 and x * target_x + y * target_y >= 0):  # the lens model folds here
            return np.nan, np.nan
        if abs(dx) + abs(dy) < _CONVERGED:
            return x, y
        x -= (yy * dx - xy * dy) / area
        y -= (xx * dy - yx * dx) / area
    return np.nan, np.nan


@kernel
def _undistort_all(lens, rays):  # type: ignore[no-untyped-def]
    for v in range(rays.shape[0]):
        y = (v - lens.cy) / lens.fy
        for u in range(rays.shape[1]):
            x = (u - lens.cx) / lens.fx
            if lens.equidistant:
                ray = _undistort_equidistant(x, y, lens.coefficients)
            else:
                ray = _undistort_polynomial(x, y, lens.coefficients)
            rays[v, u, 0], rays[v, u, 1] = ray


@kernel
def _tabulate(lens, x, y, size, pixels):  # type: ignore[no-untyped-def]
    height, width = size
    for row in range(y.size):
        for column in range(x.size):
            u, v = project(lens, x[column], y[row])
            if -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5:
                place = (np.int64(v + 0.5) + PAD) * (width + 2 * PAD) + np.int64(u + 0.5) + PAD
                pixels[row + PAD, column + PAD] = place


@kernel
def _gather(values, places, found):  # type: ignore[no-untyped-def]
    for i in range(places.size):
        found[i] = values[places[i]]
