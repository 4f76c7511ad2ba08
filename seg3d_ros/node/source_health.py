"""State of an input for /diagnostics: level and sentence from its counters and its topics."""

from __future__ import annotations

import time
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.node.subscriptions import Topic

SILENT_S = 5.0  # without a message for this long, a source is reported


@dataclass(frozen=True)
class Health:
    """Judgement of a source.

    Attributes:
        level: of DiagnosticStatus.
        condition: the same text for the same trouble, without numbers; empty where all is well.
        message: one sentence.
    """

    level: bytes
    condition: str
    message: str


class SourceJudge:
    """Judges one source again and again; used from one thread."""

    def __init__(self, node: Node, topics: tuple[Topic, ...], stats: SourceStats) -> None:
        self._node = node
        self._topics = topics
        self._stats = stats
        self._dropped_before = 0
        self._complete_since_s: float | None = None  # monotonic; publishers of all topics known

    def judge(self) -> Health:
        """State since the last call; the cause that has to be mended first."""
        stats = self._stats
        dropped = sum(stats.dropped.values())
        fresh_drops, self._dropped_before = dropped - self._dropped_before, dropped
        if not stats.received:
            return self._judge_first_message()
        if stats.silence_s > SILENT_S:
            return _warn("silent", f"no message for {stats.silence_s:.0f} s", *self._faults())
        if stats.waiting:
            return _warn("waiting", f"waiting for {stats.waiting}", *self._faults())
        if fresh_drops:
            counts = ", ".join(f"{why} {n}" for why, n in sorted(stats.dropped.items()))
            return _warn("drops", f"frames are dropped: {stats.last_drop} (in all: {counts})")
        return Health(DiagnosticStatus.OK, "", f"{stats.rate_hz:.1f} Hz")

    def _judge_first_message(self) -> Health:
        faults = self._faults()
        now = time.monotonic()
        if faults:
            self._complete_since_s = None
            return Health(DiagnosticStatus.STALE, "faults", f"no input yet: {'; '.join(faults)}")
        self._complete_since_s = self._complete_since_s or now
        if now - self._complete_since_s < SILENT_S:
            return Health(DiagnosticStatus.STALE, "", "no input yet")
        return Health(
            DiagnosticStatus.STALE,
            "nothing received",
            "topic seen, but nothing received: the publisher is silent, or its messages do not "
            "fit the middleware's shared memory (start both sides with config/fastdds.xml)",
        )

    def _faults(self) -> list[str]:
        """Topics without a publisher, or with publishers of other types only."""
        lost, faults = [], []
        for topic in self._topics:
            publishers = self._node.get_publishers_info_by_topic(topic.name)
            types = sorted({publisher.topic_type for publisher in publishers})
            ours = _type_name(topic.kind)
            if not types:
                lost.append(topic.name)
            elif ours not in types:
                *theirs, read = _short_names([*types, ours])
                faults.append(
                    f"{topic.name} is published as {', '.join(theirs)}, this node reads {read}"
                )
        if lost:
            faults.insert(0, f"nobody publishes {', '.join(lost)}")
        return faults


def _warn(condition: str, *parts: str) -> Health:
    return Health(DiagnosticStatus.WARN, condition, "; ".join(parts))


def _type_name(kind: type) -> str:
    """Name of a message class as the graph has it, for example sensor_msgs/msg/Image."""
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def _short_names(types: list[str]) -> list[str]:
    """Type names without their packages, unless that makes two of them equal."""
    names = [name.rsplit("/", 1)[-1] for name in types]
    return names if len(set(names)) == len(names) else types
