"""Entry point of the executable `seg3d_node`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.utilities import get_default_context

from seg3d_ros.node.seg3d_node import Seg3dNode

log = logging.getLogger(__name__)


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit code of the process."""
    code = _run(args)
    sys.stdout.flush()
    sys.stderr.flush()
    # The middleware is down and has given its shared memory back. What is left, a network that
    # still runs in a thread, libraries that fall over each other, nobody has to wait for.
    os._exit(code)


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
        del executor, node
        gc.collect()
        get_default_context().destroy()
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
