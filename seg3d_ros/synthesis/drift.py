"""Errors of estimated poses: drift and jumps, which double surfaces."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Float64
from seg3d_ros.synthesis.walk import displaced

_EXACT, _DRIFTING = 0.25, 0.45  # shares of the scans; the others are some millimetres off
_UPWARDS = 0.4  # of the drift along x and y; gravity and the floor correct it
_JUMPS = 0.4  # share of the drifting scans in which the pose also jumps


def with_drift(poses: list[Float64], rng: np.random.Generator) -> list[Float64]:
    """Believed poses: exact, some millimetres off, or drifting by 2-8 cm and 0.5-2 degrees."""
    kind = rng.random()
    if kind < _EXACT or len(poses) < 2:
        return poses
    if kind < 1 - _DRIFTING:
        far, turn, jumps = rng.uniform(0.003, 0.015), np.radians(rng.uniform(0.1, 0.4)), 0
    else:
        far, turn = rng.uniform(0.02, 0.08), np.radians(rng.uniform(0.5, 2.0))
        jumps = int(rng.integers(1, 3)) if rng.random() < _JUMPS else 0
    steps = rng.normal(0, 1, (len(poses), 6))
    for _ in range(jumps):
        steps[rng.integers(1, len(poses))] *= 4
    errors = np.cumsum(steps, axis=0)
    errors -= errors[0]
    errors[:, :3] *= (1, 1, _UPWARDS)
    errors[:, 3:] *= (_UPWARDS, _UPWARDS, 1)
    errors[:, :3] *= far / max(np.linalg.norm(errors[:, :3], axis=1).max(), 1e-9)
    errors[:, 3:] *= turn / max(np.linalg.norm(errors[:, 3:], axis=1).max(), 1e-9)
    return [displaced(pose, error) for pose, error in zip(poses, errors, strict=True)]
