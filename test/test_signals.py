"""Signals while programs still import: they end quietly, whatever is being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import wait_until

QUIET = ("", "seg3d: interrupted")


def catches(process: subprocess.Popen[str], number: int) -> bool:
    """Whether the process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize(
    "module",
    [
        "seg3d_ros.cli",
        pytest.param("seg3d_ros.demo", marks=pytest.mark.ros),
        pytest.param("seg3d_ros.demo.player", marks=pytest.mark.ros),
    ],
)
def test_ctrl_c_during_the_imports_prints_no_traceback(module: str, tmp_path: Path) -> None:
    endless = tmp_path / "endless.sens"  # on a busy machine the program may come to read it first
    os.mkfifo(endless)
    process = subprocess.Popen(
        [sys.executable, "-m", module, "replay", str(endless), "-o", str(tmp_path / "out")],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    # Python itself handles only SIGINT from the start.
    wait_until(lambda: catches(process, signal.SIGTERM), "the handlers")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.strip() in QUIET
