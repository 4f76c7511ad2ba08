"""Transport of large frames between processes with the project's own settings."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import camera_stream
from support.harness import wait_until

FRAMES = 300
SOURCES = {"points": {}, "front": {"input__cameras": ["front"], "input__point_cloud_topics": []}}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_none_of_300_frames_is_lost(start_node, make_robot, source: str) -> None:
    node = start_node(segmentation__period=3600.0, **SOURCES[source])
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    stream = [sys.executable, camera_stream.__file__, source, str(FRAMES)]
    subprocess.run(stream, env=node.environment, check=True, timeout=60)

    def received() -> bool:
        return robot.source_values(f"input {source}").get("received") == str(FRAMES)

    wait_until(received, f"all of {FRAMES} frames of {source}", deadline_s=10.0)
    wait_until(lambda: robot.integrated(source) > 0, "frames in the map")
