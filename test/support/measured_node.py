"""The node with a gauge: how much memory its objects and arrays take, freed memory not counted."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from pathlib import Path

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


def ask_for_memory_mb(folder: Path) -> float:
    """Memory in use now."""
    question, answer = folder / "question", folder / "answer"
    question.touch()
    while question.exists():
        time.sleep(POLL_S)
    return float(answer.read_text())


def _answer(folder: Path) -> None:
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    question, answer = folder / "question", folder / "answer"
    while True:
        time.sleep(POLL_S)
        if question.exists():
            gc.collect()
            info = mallinfo2()
            answer.write_text(f"{(info.uordblks + info.hblkhd) / 2**20:.2f}")
            question.unlink()


if __name__ == "__main__":
    threading.Thread(target=_answer, args=(Path(os.environ[FOLDER]),), daemon=True).start()
    main()
