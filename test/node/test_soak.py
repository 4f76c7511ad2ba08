"""A stream that never ends leaves the counts bounded."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room
from support.harness import Robot, wait_until

LAPS = 40  # each of a room of its own, of which two fill the map
MAX_VOXELS, MAX_OBJECTS = 60_000, 3


@pytest.fixture
def robot(start_node, make_robot) -> Robot:
    node = start_node(
        map__max_voxels=MAX_VOXELS,
        tracking__max_objects=MAX_OBJECTS,
        tracking__confirm_views=1,
        segmentation__period=0.2,
        map__carve_free_space=False,
    )
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    return robot


def elsewhere(pose: np.ndarray, lap: int) -> np.ndarray:
    """View of a toy room of its own, so that each lap brings new voxels."""
    moved = pose.copy()
    moved[0, 3] += 10.0 * lap
    return moved


@pytest.mark.slow
def test_a_looping_stream_keeps_counts_bounded(robot: Robot) -> None:
    robot.show(toy_room.views(1))
    frames = [toy_room.cast(pose) for pose in toy_room.views(8)]
    for lap in range(1, LAPS + 1):
        for pose, (depth, color) in zip(toy_room.views(8), frames, strict=True):
            robot.send_frame(elsewhere(pose, lap), depth, color)
    wait_until(lambda: unaccounted(robot) == 0, "every cloud integrated or counted as dropped")
    voxels, objects = counts(robot, "map_voxels"), counts(robot, "objects")
    assert max(voxels) == MAX_VOXELS, "the limit is reached, and kept"
    assert 0 < max(objects) <= MAX_OBJECTS


def unaccounted(robot: Robot) -> int:
    """Clouds received that are neither integrated nor dropped, as of the newest diagnostics."""
    robot.settled("input points", "received")
    points = robot.source_values("input points")
    ends = sum(int(v) for k, v in points.items() if k.startswith(("integrated", "dropped")))
    return int(points["received"]) - ends


def counts(robot: Robot, key: str) -> list[int]:
    """Every value that the diagnostics have ever reported."""
    return [
        int(item.value)
        for message in robot.received["/diagnostics"]
        for status in message.status
        for item in status.values
        if item.key == key
    ]
