"""Signals while the executable is still importing ROS and the node."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.harness import wait_until

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_the_node_quietly(how: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seg3d_ros.node.main"], stderr=subprocess.PIPE, text=True
    )
    threads = Path(f"/proc/{process.pid}/task")
    wait_until(lambda: len(list(threads.iterdir())) > 1, "the thread that reads signals")
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
