"""Two minutes in which everything goes wrong at once; `benchmarks.bench_storm` goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import toy_room
from support.storm import Storm, node_options

from seg3d_ros.node.services import SERVICES

ROUNDS, ROUND_S = 6, 20.0
MAX_SLOPE_MB_PER_MIN = 2.0


@pytest.mark.slow
def test_every_request_is_answered_no_memory_is_lost_and_the_node_works_afterwards(
    start_node, make_robot, tmp_path: Path
) -> None:
    node = start_node(**node_options(tmp_path))
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    report = Storm(robot, node, tmp_path).run(rounds=ROUNDS, seconds=ROUND_S)
    assert node.process.poll() is None
    assert report.broken == []
    assert report.unanswered == []
    assert report.internal == []
    assert report.slope_mb_per_min() < MAX_SLOPE_MB_PER_MIN, report.rests
    assert report.threads[-1] <= report.threads[0], report.threads
    assert set(report.answers) >= {*SERVICES, "set_parameters", "change_state"}
    assert robot.trigger("seg3d/clear_map").success
    robot.settled("input points", "integrated")  # counted anew since the last activation
    robot.show(toy_room.views(3))
    assert robot.trigger("seg3d/segment_now").success
    assert "Traceback" not in node.output
    assert node.stop() == 0
