"""Processes that a program starts beside itself and that never outlive it."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

STOP_S = 10.0  # a process that is asked to end gets this long, then it is killed
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class ChildFailedError(RuntimeError):
    """A child process has ended before its time; the message holds the end of its log."""


class Child:
    """A Python module that runs as a process of its own; what it says goes to a log file."""

    def __init__(self, name: str, arguments: list[str], *, log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the parent's, who stops its children in order
                preexec_fn=_die_with_parent,
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def check(self, *, may_have_ended: bool = False) -> None:
        """Raise ChildFailedError when it has failed, or ended though it should not have."""
        code = self._process.poll()
        if code is None or (code == 0 and may_have_ended):
            return
        raise ChildFailedError(
            f"the {self.name} ended with exit code {code}; the end of {self.log}:\n"
            + "\n".join(f"  | {line}" for line in self.last_lines())
        )

    def last_lines(self, count: int = 12) -> list[str]:
        """The newest lines of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]

    def stop(self) -> None:
        """Interrupt it as Ctrl-C does, and kill it if that does not help."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    """Runs in the child: the kernel ends it when the parent is gone, however that happens."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
