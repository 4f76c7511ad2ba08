"""Entry point of the executable `seg3d_node`."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import sys
from pathlib import Path

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn

from seg3d_ros.node.seg3d_node import Seg3dNode

log = logging.getLogger(__name__)

_SEGMENT_LOCK = re.compile(r"/dev/shm/fastdds_[0-9a-f]{16}_el")


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit code of the process."""
    code = _run(args)
    sys.stdout.flush()
    sys.stderr.flush()
    _give_back_shared_memory()
    # What is left nobody has to wait for: a network that still runs in a thread, and the end of
    # the middleware's own threads, over which the process fell now and then.
    os._exit(code)


def _give_back_shared_memory() -> None:
    """Unlink the segments of Fast DDS that this process has made; 70 MB that would stay for ever.

    Their maker holds the lock file of each open; whoever reads from them holds but the memory.
    """
    for link in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            lock = link.readlink()
            if _SEGMENT_LOCK.fullmatch(str(lock)):
                lock.with_name(lock.name.removesuffix("_el")).unlink()
                lock.unlink()


def _run(args: list[str] | None) -> int:
    rclpy.init(args=args)
    try:
        node = Seg3dNode()
    except (ValueError, ParameterException) as error:  # the latter from ROS: type or range
        rclpy.logging.get_logger("seg3d").fatal(f"wrong parameter: {error}")
        rclpy.try_shutdown()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if not _started(node):
            return 1
        _spin(executor)
    except KeyboardInterrupt:
        pass
    finally:
        # A second Ctrl-C while the node is taken down would leave its threads behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _spin(executor: SingleThreadedExecutor) -> None:
    """Run callbacks until ROS shuts down; one that fails is logged, and the node stays up."""
    while rclpy.ok():
        try:
            executor.spin_once()
        except ExternalShutdownException:
            return
        except Exception:
            log.exception("a callback failed")


def _started(node: Seg3dNode) -> bool:
    """Configure and activate, unless somebody else is to do it."""
    if not node.settings.node.autostart:
        node.get_logger().info("autostart is off: waiting for a lifecycle manager to configure me")
        return True
    succeeded = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == succeeded and node.trigger_activate() == succeeded


if __name__ == "__main__":
    sys.exit(main())
