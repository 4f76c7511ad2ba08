"""The node as its own process, fed by a camera as its own process: 640x480 at 30 Hz over DDS.

What the node measures itself is read from its diagnostics; how long messages travel is measured
here, by a third process that listens to both. So these are the numbers of a busy machine: node,
camera and listener share its cores.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sensor_msgs.msg import PointCloud2

from benchmarks.table import Row, measure, print_table
from seg3d_ros.msg import InstanceArray
from seg3d_ros.node.conversions import stamp_ns
from seg3d_ros.node.qos import LATCHED, SENSOR

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))
from support import camera_stream
from support.harness import NodeProcess, Robot

FRAMES = 300
STAGES = ("decode", "integrate", "arrival to map", "snapshot", "segment", "track", "publish")


class Latencies:
    """Milliseconds between a message's stamp and its arrival here."""

    def __init__(self, robot: Robot, kind: Any, topic: str, qos: Any) -> None:
        self.values: list[float] = []
        self._robot = robot
        robot.node.create_subscription(kind, topic, self._on_message, qos)

    def _on_message(self, msg: Any) -> None:
        self.values.append((self._robot.now_ns() - stamp_ns(msg.header.stamp)) / 1e6)

    def row(self, stage: str, yardstick_ms: float) -> Row:
        """Median beside memcpy of a frame; the 95th percentile is in the note."""
        tail = f"95 %: {np.percentile(self.values, 95):.1f} ms, {len(self.values)} messages"
        return Row(stage, statistics.median(self.values), "memcpy of a frame", yardstick_ms, tail)


def run(*, frames: int = FRAMES) -> list[Row]:
    """Stream so many frames and measure every stage on the way."""
    frame = np.zeros(640 * 480 * 16, np.uint8)
    yardstick = measure(frame.copy, repeats=50)
    with _robot_with_node() as (robot, node):
        clouds = Latencies(robot, PointCloud2, "points", SENSOR)
        results = Latencies(robot, InstanceArray, "seg3d/instances", LATCHED)
        _stream(node, frames)
        robot.settled("input points", "received")
        source = robot.source_values("input points")
        stages = robot.source_values("segmentation")
    rate = f"{source['integrated']} of {frames} frames in the map, {source['rate_hz']} Hz"
    rows = [Row(f"node: {stage}", float(stages[f"{stage} ms median"])) for stage in STAGES]
    return [
        Row("node: camera period", 1e3 / float(source["rate_hz"]), note=rate),
        clouds.row("publish to callback, 4.9 MB cloud", yardstick),
        *rows,
        results.row("newest frame to published instances", yardstick),
    ]


def soak(seconds: float) -> Iterator[str]:
    """Stream for a time; yields a line of the memory curve now and then."""
    yield "seconds  resident MB  voxels  objects  frames"
    with _robot_with_node(map__max_voxels=200_000) as (robot, node):
        frames = round(seconds * camera_stream.RATE_HZ)
        stream = subprocess.Popen(_command(frames), env=node.environment)
        start = time.monotonic()
        while stream.poll() is None:
            time.sleep(max(1.0, seconds / 40))
            robot.settled("segmentation", "resident_mb")
            values = robot.source_values("segmentation") | robot.source_values("input points")
            keys = ("resident_mb", "map_voxels", "objects", "integrated")
            cells = [f"{time.monotonic() - start:7.0f}", *(values[key] for key in keys)]
            yield "  ".join(cells)


@contextmanager
def _robot_with_node(**parameters: Any) -> Iterator[tuple[Robot, NodeProcess]]:
    with tempfile.TemporaryDirectory() as folder:
        node = NodeProcess(Path(folder), **parameters)
        robot = Robot(node.domain)
        try:
            node.wait_for("]: active")
            robot.listen_to_diagnostics()
            yield robot, node
        finally:
            robot.close()
            node.stop()


def _stream(node: NodeProcess, frames: int) -> None:
    subprocess.run(_command(frames), env=node.environment, check=True)


def _command(frames: int) -> list[str]:
    return [sys.executable, camera_stream.__file__, "points", str(frames)]


if __name__ == "__main__":
    print_table(run())
