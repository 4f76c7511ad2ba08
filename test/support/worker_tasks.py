"""Tasks for worker processes; they import this module by its name."""

from __future__ import annotations

import errno
import os
import signal


def fail_as_named(task: str) -> None:
    if task == "broken":
        raise ValueError("no\nnumbers in it")
    if task == "bug":
        raise KeyError("corner")
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "full":
        raise OSError(errno.ENOSPC, "No space left on device")


def expect_one_thread(_: str) -> None:
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
