"""Camera paths through a room."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Float64

_CANDIDATES = 400  # places tried
_CLEAR_M = 0.2  # between the camera and what is in the room
_MARGIN_M = 0.35  # between the camera and the walls
_AHEAD_M = 1.0  # nobody looks at a wall that is nearer
_TRIES = 8


def random_walk(
    size: Float64,
    boxes: Float64,
    rng: np.random.Generator,
    *,
    views: tuple[int, int] = (20, 36),
    highest_pitch: float = 0.4,
) -> list[Float64]:
    """Views of a robot or a person who looks around in a room, at the furniture above all.

    The camera stops in some places, and looks into directions within 40 to 100 % of a full
    turn: maps of real robots are seldom complete.

    Args:
        size: (3,) extents of the room, metres.
        boxes: (K, 2, 3) lowest and highest corners of what is in the room.
        rng: of the walk.
        views: how many, from and to.
        highest_pitch: upwards, radians; below 0 the ceiling is hardly ever seen.

    Returns:
        (4, 4) map_from_camera poses, optical frame.
    """
    # Seldom a low robot, which sees no table top; mostly a tall one, or a person.
    height = min(rng.uniform(*((0.5, 0.9) if rng.random() < 0.2 else (0.9, 1.7))), size[2] - 0.3)
    stops = free_places(size, boxes, height, count=int(rng.integers(3, 7)), rng=rng)
    reach = np.pi * (1.0 if rng.random() < 0.5 else rng.uniform(0.3, 1.0))  # to each side
    centers = boxes.mean(axis=1)
    farthest = max(
        centers, key=lambda center: np.hypot(*(center - stops[0])[:2]), default=size / 2
    )
    middle, _ = gaze(farthest - stops[0])
    by_hand = rng.random() < 0.6
    interest = rng.uniform(0.3, 0.8)  # part of the views that are meant for a thing
    poses = []
    for number in range(int(rng.integers(views[0], views[1] + 1))):
        shake = rng.normal(0, 0.06, 3) if by_hand else rng.normal(0, (0.05, 0.05, 0.0))
        eye = stops[number % len(stops)] + shake
        yaw = _free_yaw(eye, size, middle, reach, rng)
        pitch = rng.normal(0.1 - 0.25 * height, 0.15 if by_hand else 0.08)
        if len(centers) and rng.random() < interest:
            seen = gaze(centers[rng.integers(len(centers))] - eye)
            if abs((seen[0] - middle + np.pi) % (2 * np.pi) - np.pi) < reach:
                yaw, pitch = rng.normal(seen, (0.15, 0.1))
        roll = rng.normal(0, 0.03) if by_hand else 0.0
        poses.append(camera_pose(eye, yaw, float(np.clip(pitch, -0.9, highest_pitch)), roll))
    return poses


def gaze(towards: Float64) -> tuple[float, float]:
    """Yaw and pitch of a direction (3,), radians."""
    x, y, z = towards
    return float(np.arctan2(y, x)), float(np.arctan2(z, np.hypot(x, y)))


def with_tracking_errors(poses: list[Float64], rng: np.random.Generator) -> list[Float64]:
    """Poses with the errors of tracking: in half of the rooms some millimetres off.

    Errors wander slowly, and jump a little from view to view.
    """
    if rng.random() < 0.5:
        return poses
    size = np.array([0.003, 0.003, 0.002, 0.002, 0.002, 0.002]) * rng.uniform(0.3, 2.0)
    steps = rng.normal(0, size, (len(poses), 6))
    errors = 0.5 * np.cumsum(steps, axis=0) + steps
    return [displaced(pose, error) for pose, error in zip(poses, errors - errors.mean(axis=0))]


def displaced(pose: Float64, error: Float64) -> Float64:
    """A pose shifted by error[:3] metres and turned by error[3:] radians about the map's axes."""
    from scipy.spatial.transform import Rotation

    moved = pose.copy()
    moved[:3, :3] = Rotation.from_rotvec(error[3:]).as_matrix() @ pose[:3, :3]
    moved[:3, 3] += error[:3]
    return moved


def free_places(
    size: Float64, boxes: Float64, height: float, *, count: int, rng: np.random.Generator
) -> Float64:
    """(count, 3) places for the camera that are free and far from each other."""
    low, high = np.full(2, _MARGIN_M), size[:2] - _MARGIN_M
    candidates = np.column_stack(
        [rng.uniform(low, high, (_CANDIDATES, 2)), rng.normal(height, 0.08, _CANDIDATES)]
    )
    gaps = _clearance(candidates, boxes)
    free = candidates[gaps > _CLEAR_M]
    if len(free) < count:  # a crowded room: the best there are
        free = candidates[np.argsort(-gaps)[:count]]
    chosen = [free[rng.integers(len(free))]]
    for _ in range(count - 1):
        nearest = np.min([np.linalg.norm(free - stop, axis=1) for stop in chosen], axis=0)
        chosen.append(free[rng.choice(len(free), p=nearest / nearest.sum())])
    return np.array(chosen)


def _clearance(places: Float64, boxes: Float64) -> Float64:
    """(P,) distance to the nearest box along the axis that separates most; negative inside."""
    if not len(boxes):
        return np.full(len(places), np.inf)
    beyond = np.maximum(boxes[:, 0] - places[:, None], places[:, None] - boxes[:, 1])
    return np.asarray(beyond.max(axis=2).min(axis=1))


def _free_yaw(
    eye: Float64, size: Float64, middle: float, reach: float, rng: np.random.Generator
) -> float:
    """A direction within `reach` of `middle` in which no wall is near, if there is one."""
    yaw = middle
    for _ in range(_TRIES):
        yaw = middle + rng.uniform(-reach, reach)
        ahead = eye[:2] + _AHEAD_M * np.array([np.cos(yaw), np.sin(yaw)])
        if ((ahead > 0) & (ahead < size[:2])).all():
            break
    return float(yaw)


def camera_pose(eye: Float64, yaw: float, pitch: float, roll: float) -> Float64:
    """(4, 4) map_from_camera: x right, y down, z forward."""
    flat = np.cos(pitch)
    forward = np.array([flat * np.cos(yaw), flat * np.sin(yaw), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(forward, right)
    pose = np.eye(4)
    pose[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    pose[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    pose[:3, 2], pose[:3, 3] = forward, eye
    return pose
