"""Drift of odometry: errors that grow with the way and are never corrected."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from seg3d_ros.scene import Float64
from seg3d_ros.synthesis.walk import displaced

_UPWARDS = 0.3  # of the drift along x and y: gravity and the floor correct it
_YAW_SHARE = 0.1  # gyroscopes turn a tenth as wrong as wheels and cameras go


def with_odometry_drift(
    poses: list[Float64], noise: float, rng: np.random.Generator
) -> list[Float64]:
    """Poses as dead reckoning believes them: position and yaw on a random walk.

    After s metres the position along x or y is off by `noise` · √s metres, after a turn by
    a radians the yaw by a tenth of `noise` · √a radians (standard deviations).

    Args:
        poses: (4, 4) map_from_camera, in their order.
        noise: 0.02 for 2 %; 0: the poses as they are.
        rng: of the errors.
    """
    if not noise:
        return poses
    believed, correction = [poses[0]], np.eye(4)
    for before, pose in pairwise(poses):
        way = np.linalg.norm(pose[:3, 3] - before[:3, 3])
        turn = np.arccos(np.clip((np.trace(before[:3, :3].T @ pose[:3, :3]) - 1) / 2, -1, 1))
        step = rng.normal(0, 1, 4) * noise * np.sqrt([way, way, way, turn])
        step *= (1, 1, _UPWARDS, _YAW_SHARE)
        # The error of a step turns about the place where the step was made.
        arm = np.eye(4)
        arm[:3, 3] = before[:3, 3]
        error = (
            arm @ displaced(np.eye(4), np.array([*step[:3], 0, 0, step[3]])) @ np.linalg.inv(arm)
        )
        correction = correction @ error
        believed.append(correction @ pose)
    return believed
