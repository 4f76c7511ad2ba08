"""The node with a gauge: memory of its objects and arrays, freed memory not counted; threads."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

import scipy.optimize  # noqa: F401  5 MB that the node loads when it first has a choice to make

from seg3d_ros.node.main import main

FOLDER = "SEG3D_TEST_HEAP"  # variable that holds the path of a folder for question and answer
# Python's own allocator takes its memory past malloc, where nothing counts what is in use.
ENVIRONMENT = {"PYTHONMALLOC": "malloc"}
POLL_S = 0.1


class _Mallinfo2(ctypes.Structure):
    """The structure of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    ]


class Reading(NamedTuple):
    """Memory in use, MB, and number of Python threads."""

    megabytes: float
    threads: int


def read_gauge(folder: Path) -> Reading:
    """Resources that the node uses now."""
    question, answer = folder / "question", folder / "answer"
    question.touch()
    while question.exists():
        time.sleep(POLL_S)
    megabytes, threads = answer.read_text().split()
    return Reading(float(megabytes), int(threads))


def _answer(folder: Path) -> None:
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    question, answer = folder / "question", folder / "answer"
    while True:
        time.sleep(POLL_S)
        if question.exists():
            gc.collect()
            info = mallinfo2()
            in_use_mb = (info.uordblks + info.hblkhd) / 2**20
            answer.write_text(f"{in_use_mb:.2f} {threading.active_count()}")
            question.unlink()


if __name__ == "__main__":
    threading.Thread(target=_answer, args=(Path(os.environ[FOLDER]),), daemon=True).start()
    main()
