"""Entry point of the executable `seg3d_node`."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from seg3d_ros.engine.second_compiler import start_second_compiler
from seg3d_ros.errors import InputError
from seg3d_ros.node.fastdds_segments import unlink_own_segments
from seg3d_ros.node.heap import configure_heap
from seg3d_ros.threads import configure_openmp

if TYPE_CHECKING:  # ROS and the node take seconds to import: signals are to be caught meanwhile
    from rclpy.executors import SingleThreadedExecutor

    from seg3d_ros.node.seg3d_node import Seg3dNode

log = logging.getLogger(__name__)

BUSY_S = 1.0  # callbacks are short; one that takes longer is a transition, which compiles kernels
END_S = 4.0  # to take the node down; `ros2 launch` sends its next signal after 5 s
ANSWERS_S = 0.5  # for answers that are ready when the GPU is lost
_NO_ROS = (
    "seg3d: ROS does not start: {}\nIf its log folder is the reason (by default ~/.ros/log), set "
    "ROS_LOG_DIR to a folder that can be written."
)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until it is interrupted, then end the process."""
    faulthandler.enable()  # should native code crash, the log says in which call
    configure_heap()
    configure_openmp(spare_cores=1)  # for the integration, the middleware, other nodes
    start_second_compiler()
    gc.disable()  # a million objects come, and none of them goes
    _leave(_run(args))


def _leave(code: int) -> NoReturn:
    """End the process at once.

    Nobody has to wait for what is left: a network that still runs in a thread, and the end of the
    middleware's own threads, over which the process fell now and then.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    unlink_own_segments()
    os._exit(code)


def _run(args: list[str] | None) -> int:
    signals = _signals_to_read()
    started, ended = threading.Event(), threading.Event()

    def end_on_signal() -> None:
        os.read(signals, 1)
        if not started.is_set():
            _leave(0)  # nothing is lost before the node listens
        executor.create_task(ended.set)
        if ended.wait(BUSY_S):
            select.select([signals], [], [], END_S)  # a second signal ends it at once
        _leave(0)

    threading.Thread(target=end_on_signal, name="signals", daemon=True).start()

    import rclpy
    from rclpy.exceptions import ParameterException
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from seg3d_ros.node.seg3d_node import Seg3dNode

    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # without ROS there is no logger either
        print(_NO_ROS.format(error), file=sys.stderr)  # noqa: T201
        return 1
    executor = SingleThreadedExecutor()
    try:
        node = Seg3dNode()
    except (InputError, ParameterException) as error:  # the latter from ROS: type or range
        rclpy.logging.get_logger("seg3d").fatal(f"wrong parameter: {error}")
        return 2
    executor.add_node(node)
    if _started(node):
        started.set()
        gc.freeze()  # what was imported stays
        gc.enable()
        _spin(executor, lambda: ended.is_set() or node.is_lost)
        if node.is_lost:  # who asked for what the GPU did not survive is told
            end = time.monotonic() + ANSWERS_S
            _spin(executor, lambda: time.monotonic() > end)
    failed = node.is_lost or not started.is_set()
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 1 if failed else 0


def _signals_to_read() -> int:
    """A pipe that SIGINT and SIGTERM write to, and that is all they do.

    An exception in the main thread, in whatever call runs just then, would leave the middleware in
    the middle of something.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _spin(executor: SingleThreadedExecutor, ended: Callable[[], bool]) -> None:
    """Run callbacks until the end; one that fails is logged, and the node stays up."""
    import rclpy

    while rclpy.ok() and not ended():
        try:
            executor.spin_once(timeout_sec=ANSWERS_S)
        except Exception:
            log.exception("a callback failed")


def _started(node: Seg3dNode) -> bool:
    """Configure and activate, unless somebody else is to do it."""
    from rclpy.lifecycle import TransitionCallbackReturn

    if not node.settings.node.autostart:
        node.get_logger().info("autostart is off: waiting for a lifecycle manager to configure me")
        return True
    succeeded = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == succeeded and node.trigger_activate() == succeeded


if __name__ == "__main__":
    main()
