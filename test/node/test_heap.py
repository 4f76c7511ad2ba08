"""Heap of the process."""

from __future__ import annotations

import os
import subprocess
import sys

from seg3d_ros.node.heap import MALLOC

PROGRAM = """
import ctypes, threading
from seg3d_ros.node.heap import configure_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
configure_heap()
together = threading.Barrier(4)

def take():
    together.wait()
    libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(**variables: str) -> int:
    """Number of arenas in a process with four threads, started without our defaults."""
    kept = {name: value for name, value in os.environ.items() if name not in MALLOC}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, env={**kept, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.count("<heap nr=")


def test_all_threads_share_one_arena_unless_the_user_wants_more() -> None:
    assert arenas() == 1
    assert arenas(MALLOC_ARENA_MAX="4") > 1
