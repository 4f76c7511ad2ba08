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
from support.storm import Storm, StormReport, node_options

ROUNDS, ROUND_S = 6, 20.0


def run(*, rounds: int = ROUNDS, seconds: float = ROUND_S, model: str = "geometric") -> list[Row]:
    """Storm so many times for so long; a row for each service and one for the memory."""
    report = _storm(rounds, seconds, model)
    rows = [
        Row(
            f"storm: {name}",
            1e3 * float(np.median(waited)),
            note=f"99 %: {1e3 * np.percentile(waited, 99):.0f} ms, {len(waited)} answers",
        )
        for name, waited in sorted(report.latencies.items())
    ]
    at_rest = [megabytes for _, megabytes in report.rests]
    note = (
        f"{report.slope_mb_per_min():+.1f} MB a minute, {at_rest[0]:.0f} to {at_rest[-1]:.0f} MB "
        f"in use at rest, at most {max(report.resident):.0f} MB resident; "
        f"{sum(report.sent.values())} messages, {len(report.unanswered)} requests without an "
        f"answer, {len(report.internal)} faults"
    )
    return [*rows, Row("storm: memory", 0.0, note=note)]


def _storm(rounds: int, seconds: float, model: str) -> StormReport:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = NodeProcess(folder, segmentation__model=model, **node_options(folder))
        robot = Robot(node.domain)
        try:
            node.wait_for("]: active")
            robot.listen_to_diagnostics()
            return Storm(robot, node, folder).run(rounds=rounds, seconds=seconds)
        finally:
            robot.close()
            node.stop()


if __name__ == "__main__":
    print_table(run())
