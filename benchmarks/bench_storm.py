"""The node in a storm: everything goes wrong at once, in a DDS domain of its own.

What is measured is how long requests wait and how the node's memory grows meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.table import Row, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))
from support.harness import NodeProcess, Robot
from support.storm import PARAMETERS_OF_NODE, Storm, StormReport

SECONDS = 120.0
WARM_UP_S = 45.0


def run(*, seconds: float = SECONDS, model: str = "geometric") -> list[Row]:
    """Storm for a time; a row for each service and one for the memory."""
    report = _storm(seconds, model)
    rows = [
        Row(
            f"storm: {name}",
            1e3 * float(np.median(waited)),
            note=f"99 %: {1e3 * np.percentile(waited, 99):.0f} ms, {len(waited)} answers",
        )
        for name, waited in sorted(report.latencies.items())
    ]
    slope = report.slope_mb_per_min(after_s=min(WARM_UP_S, seconds / 3))
    megabytes = f"{report.memory[0][1]:.0f} to {report.memory[-1][1]:.0f} MB"
    note = (
        f"{slope:+.1f} MB a minute, {megabytes}; {sum(report.sent.values())} messages, "
        f"{len(report.unanswered)} requests without an answer, {len(report.internal)} faults"
    )
    return [*rows, Row("storm: memory", 0.0, note=note)]


def _storm(seconds: float, model: str) -> StormReport:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = NodeProcess(folder, model=model, **PARAMETERS_OF_NODE)
        robot = Robot(node.domain)
        try:
            node.wait_for("]: active")
            robot.listen_to_diagnostics()
            return Storm(robot, node, folder).run(seconds)
        finally:
            robot.close()
            node.stop()


if __name__ == "__main__":
    print_table(run())
