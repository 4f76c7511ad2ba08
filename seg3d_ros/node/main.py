"""Entry point of the executable `seg3d_node`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn

from seg3d_ros.node.seg3d_node import Seg3dNode

log = logging.getLogger(__name__)

LAST_WORK_S = 0.3  # the whole end is to take two seconds at most


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit code of the process."""
    code = _run(args)
    if not _threads_have_ended():
        # A network that still runs in a thread cannot be interrupted; the interpreter would wait
        # for it, or fall over it. Only then: it costs the shared memory of the middleware, which
        # nobody but an orderly end gives back.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _threads_have_ended() -> bool:
    """Give the threads that were told to end a moment to do so."""
    end = time.monotonic() + LAST_WORK_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, end - time.monotonic()))
    return threading.active_count() == 1


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
