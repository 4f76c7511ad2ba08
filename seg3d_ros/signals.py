"""Signals that ask a program to end: SIGINT (Ctrl-C) and SIGTERM."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # exit code of an interrupted program, as shells have it
_ENDING = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_signals() -> None:
    """Let them raise KeyboardInterrupt in this process.

    A shell starts what runs in the background with SIGINT ignored, and children inherit that.
    """
    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)


def exit_on_signals() -> None:
    """Let them end this process at once: for the time when there is nothing to put in order."""
    for number in _ENDING:
        signal.signal(number, _exit)


def ignore_signals() -> None:
    """Let this process end without a further one in the middle of it."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def exiting_on_signals() -> Iterator[None]:
    """Context for the imports of a program: an interrupted one would print its traceback."""
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number in _ENDING:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _exit)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)
