"""Watch over simulated time: a /clock that never comes, or stands still."""

from __future__ import annotations

import time

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

STANDSTILL_S = 5.0


def steady_clock() -> Clock:
    """Clock for timers that have to run while /clock is silent, too."""
    return Clock(clock_type=ClockType.STEADY_TIME)


class ClockWatch:
    """Compares the node's clock with the steady one; used from one thread.

    Attributes:
        message: state of the simulated time, empty while the node uses the computer's.
        stands_still: whether simulated time has not moved for STANDSTILL_S.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._last_ns = 0
        self._moved_s = time.monotonic()
        self.message = ""
        self.stands_still = False

    def update(self) -> bool:
        """Read both clocks; True when a standstill has begun since the last call."""
        stood_still, self.stands_still = self.stands_still, False
        if not self._node.get_parameter("use_sim_time").value:
            self.message = ""
            return False
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns != self._last_ns:
            self._last_ns, self._moved_s = now_ns, time.monotonic()
        still_s = time.monotonic() - self._moved_s
        self.stands_still = still_s > STANDSTILL_S
        if not self.stands_still:
            self.message = f"simulated time {now_ns / 1e9:.1f} s"
        elif now_ns:
            self.message = f"/clock stands still at {now_ns / 1e9:.1f} s: a pause, or the end"
        else:
            self.message = (
                "use_sim_time is set, but nothing comes on /clock: play the bag with --clock, "
                "start the simulator, or set use_sim_time to false"
            )
        return self.stands_still and not stood_still
