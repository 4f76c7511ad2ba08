"""Second process that compiles kernels where none are compiled yet.

numba compiles on one core, for most of a minute. Two processes that begin at different ends of
the work and share what is compiled need about half of that: one waits for a kernel that the other
is at (see `kernels`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from seg3d_ros.kernel_folder import are_compiled


def start_second_compiler() -> subprocess.Popen[bytes] | None:
    """Start the process; None where all is compiled or there is no core for it.

    It ends when its work is done, and with the process that has started it.
    """
    if are_compiled() or len(os.sched_getaffinity(0)) < 2:
        return None
    return subprocess.Popen([sys.executable, "-m", __spec__.name], stdin=subprocess.PIPE)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is written: it returns when the pipe ends
    os._exit(0)


def main() -> None:
    """Compile until the work or the parent process ends."""
    from seg3d_ros.engine.warm_up import compile_from_the_other_end

    compile_from_the_other_end()


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()
