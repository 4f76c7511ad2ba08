"""Removal of Fast DDS's shared-memory segments by a process that ends without destroying them.

A segment (64 MiB with config/fastdds.xml) is unlinked only by its participant's destructor. A
process that skips it leaves the file for as long as no other process cleans up: upstream calls
this unavoidable and offers `fastdds shm clean` (eProsima/Fast-DDS#2377, #2790). The destructors
cannot be relied on either: rclpy processes crash in them at times (ros2/rclpy#1484).
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

# Fast DDS 2 (Humble, Jazzy) calls them fastrtps_*. Whoever made a segment holds its lock file
# open; readers hold only the memory.
_LOCK_FILE = re.compile(r"/dev/shm/fast(?:dds|rtps)_[0-9a-f]{16}_el")


def unlink_own_segments() -> None:
    """Unlink the segments that this process has made; does nothing with other middlewares."""
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            lock = descriptor.readlink()
            if _LOCK_FILE.fullmatch(str(lock)):
                lock.with_name(lock.name.removesuffix("_el")).unlink()
                lock.unlink()
