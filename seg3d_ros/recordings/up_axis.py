"""Up axis of a recording: its world is turned so that z points up (REP-103)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.depth_image import DepthImage, deproject

Up = Literal["auto", "x", "-x", "y", "-y", "z", "-z"]
_SNAP_DEG = 8.0  # worlds of benchmarks have an exact axis up; a direction this near is that axis
_SEARCH_DEG = 50.0  # people tilt cameras, but on average they hold them upright within this
_WIDTH_DEG = 8.0  # normals of one plane spread about this much
_MIN_NORMALS = 500
_COLUMNS = 80  # of the thinned image that normals are taken from


def map_from_world_for(up: Up | Float64) -> Float64:
    """(4, 4) rotation that turns an axis, or a (3,) unit direction, to z up.

    Raises:
        InputError: `up` names no axis.
    """
    a = np.asarray(_axis(up) if isinstance(up, str) else up, np.float64)
    z = np.array([0.0, 0.0, 1.0])
    rotation = np.eye(4)
    if a[2] < 0:  # upside down first: the formula below fails at half a turn
        flip = np.diag([1.0, -1.0, -1.0, 1.0])
        return map_from_world_for(flip[:3, :3] @ a) @ flip
    v = np.cross(a, z)
    skew = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    rotation[:3, :3] = np.eye(3) + skew + skew @ skew / (1 + a @ z)  # Rodrigues
    return rotation


def _axis(name: str) -> Float64:
    axis = np.zeros(3)
    if name.lstrip("-") not in ("x", "y", "z"):
        raise InputError(f"up is {name!r}; use auto, x, -x, y, -y, z or -z")
    axis["xyz".index(name[-1])] = -1.0 if name.startswith("-") else 1.0
    return axis


def find_up(views: Sequence[tuple[DepthImage, Float64]]) -> Float64:
    """Estimate the (3,) up direction of a world from images and their world_from_camera poses.

    Cameras are held roughly upright, which gives a first guess; floors and table tops face up,
    so the direction most surface normals share near that guess is the answer. A result close
    to an axis is taken for that axis.
    """
    guess = np.mean([-pose[:3, 1] for _, pose in views], axis=0)
    guess /= max(float(np.linalg.norm(guess)), 1e-9)
    normals = np.concatenate([_normals(image) @ pose[:3, :3].T for image, pose in views])
    up = _dominant(normals, guess)
    nearest = np.zeros(3)
    nearest[np.argmax(np.abs(up))] = np.sign(up[np.argmax(np.abs(up))])
    return nearest if up @ nearest > np.cos(np.radians(_SNAP_DEG)) else up


def _dominant(normals: Float64, guess: Float64) -> Float64:
    """Direction shared by most of (N, 3) normals near a guess; the guess if there are few."""
    near = normals[normals @ guess > np.cos(np.radians(_SEARCH_DEG))]
    if len(near) < _MIN_NORMALS:
        return guess
    width = np.cos(np.radians(_WIDTH_DEG))
    seeds = near[:: max(1, len(near) // 300)]
    up = seeds[np.argmax((seeds @ near.T > width).sum(axis=1))]
    for _ in range(5):  # mean shift
        up = near[near @ up > width].mean(axis=0)
        up /= np.linalg.norm(up)
    return up


def _normals(image: DepthImage) -> Float64:
    """(N, 3) unit normals in the camera frame, towards the camera, from a thinned depth image."""
    height, width = image.depth.shape
    points = deproject(image.depth, image.camera, depth_unit=image.depth_unit)
    step = max(1, width // _COLUMNS)
    grid = points.reshape(height, width, 3)[::step, ::step].astype(np.float64)
    across, down = np.diff(grid, axis=1)[:-1], np.diff(grid, axis=0)[:, :-1]
    normals = np.cross(down, across).reshape(-1, 3)  # x right, y down: this points to the camera
    flat = np.stack([np.linalg.norm(step, axis=-1).ravel() for step in (across, down)])
    depth = grid[:-1, :-1, 2].ravel()
    smooth = np.isfinite(normals).all(axis=1) & (flat < 0.1 * depth).all(axis=0)
    normals, length = normals[smooth], np.linalg.norm(normals[smooth], axis=1, keepdims=True)
    return normals[length[:, 0] > 0] / length[length > 0][:, None]
