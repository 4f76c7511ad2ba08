"""A minute in which everything goes wrong at once; `benchmarks.bench_storm` measures memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import toy_room
from support.storm import PARAMETERS_OF_NODE, Storm

STORM_S = 60.0


@pytest.mark.slow
def test_every_request_is_answered_and_the_node_works_afterwards(
    start_node, make_robot, tmp_path: Path
) -> None:
    node = start_node(**PARAMETERS_OF_NODE)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    report = Storm(robot, node, tmp_path).run(STORM_S)
    assert node.process.poll() is None
    assert report.unanswered == []
    assert report.internal == []
    assert len(report.answers) >= 10 and min(report.answers.values()) > 0
    assert robot.trigger("seg3d/clear_map").success
    robot.show(toy_room.views(3))
    assert robot.trigger("seg3d/segment_now").success
    assert "Traceback" not in node.output
    assert node.stop() == 0
