"""Threads of OpenMP on machines that do other work as well."""

from __future__ import annotations

import os


def configure_openmp(*, spare_cores: int = 0) -> None:
    """Let threads that wait sleep, and leave cores to others; call it before torch is imported.

    By default they spin: on a busy machine each waits for another that cannot run because of it.
    Variables that the user has set stay as they are.

    Args:
        spare_cores: cores that OpenMP leaves alone, of those that this process may use.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if spare_cores and "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0))
        os.environ["OMP_NUM_THREADS"] = str(max(1, cores - spare_cores))
