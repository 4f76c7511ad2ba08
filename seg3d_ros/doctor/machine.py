"""Limits of this computer that messages run into."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from seg3d_ros.doctor.evidence import Machine

_LIMITS = ("net.core.rmem_max", "net.ipv4.ipfrag_high_thresh")


def read_machine(middleware: str) -> Machine:
    """Limits of this computer, for a process with that RMW implementation."""
    limits = {}
    for name in _LIMITS:
        try:
            limits[name] = int(Path("/proc/sys", *name.split(".")).read_text())
        except (OSError, ValueError):  # another system, or a container that hides it
            continue
    try:
        shared = shutil.disk_usage("/dev/shm").free
    except OSError:
        shared = None
    return Machine(middleware, dict(os.environ), limits, shared)
