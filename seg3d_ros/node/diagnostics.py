"""Diagnostics: rates, missing inputs, durations of stages, sizes of the map.

Levels: OK: frames of a source reach the map. WARN: frames are dropped, or a source that was
there is silent. ERROR: segmentation fails. STALE: nothing has come in yet.
"""

from __future__ import annotations

import logging
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.engine.throttle import Throttle
from seg3d_ros.mapping.keyframes.keyframe import KeyframeViews
from seg3d_ros.node.clock_watch import ClockWatch, steady_clock
from seg3d_ros.node.source_health import SourceJudge
from seg3d_ros.node.subscriptions import Subscriptions

log = logging.getLogger(__name__)

PERIOD_S = 1.0


class Diagnostics:
    """Publishes the state of a running node once a second and logs what is missing."""

    def __init__(self, node: Node, engine: Engine, subscriptions: Subscriptions) -> None:
        self._node = node
        self._engine = engine
        self._subscriptions = subscriptions
        self._judges = {
            name: SourceJudge(node, subscriptions.topics[name], record)
            for name, record in subscriptions.stats.items()
        }
        self._failures_before = 0
        self._has_twin = False
        self._throttle = Throttle(log)
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._clock = ClockWatch(node)
        self._timer = node.create_timer(PERIOD_S, self.publish, clock=steady_clock())

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def publish(self) -> None:
        """Send one report."""
        self._warn_of_twin()
        statuses = [
            self._source_status(name, record) for name, record in self._subscriptions.stats.items()
        ]
        statuses += self._clock_status()
        statuses.append(self._segmentation_status())
        msg = DiagnosticArray(status=statuses)
        msg.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(msg)

    def _warn_of_twin(self) -> None:
        """Warn once when another node has the same name: requests would go to both."""
        node = self._node
        own = (node.get_name(), node.get_namespace())
        has_twin = node.get_node_names_and_namespaces().count(own) > 1
        if has_twin and not self._has_twin:
            log.warning(
                "another node is called %s as well, and requests go to both: give one of them "
                "another name (-r __node:=NAME) or namespace",
                node.get_fully_qualified_name(),
            )
        self._has_twin = has_twin

    def _source_status(self, name: str, record: SourceStats) -> DiagnosticStatus:
        health = self._judges[name].judge()
        if health.condition:
            self._throttle.warning(f"{name} {health.condition}", "%s: %s", name, health.message)
        values: dict[str, object] = {
            "rate_hz": f"{record.rate_hz:.1f}",
            "received": record.received,
            "integrated": record.integrated,
        }
        values |= {f"dropped: {why}": count for why, count in sorted(record.dropped.items())}
        return self._status(f"input {name}", health.level, health.message, values)

    def _clock_status(self) -> list[DiagnosticStatus]:
        """State of simulated time; none where the node uses the computer's clock."""
        if self._clock.update():
            log.warning("%s", self._clock.message)
        if not self._clock.message:
            return []
        level = DiagnosticStatus.WARN if self._clock.stands_still else DiagnosticStatus.OK
        return [self._status("clock", level, self._clock.message, {})]

    def _segmentation_status(self) -> DiagnosticStatus:
        engine = self._engine
        state, background, models = engine.state, engine.background, engine.models
        keyframes = engine.keyframes.all()
        failed = background.failures > self._failures_before
        self._failures_before = background.failures
        values: dict[str, object] = {
            "model": models.segmenter.name,
            "prompt_model": models.prompt_segmenter.name,
            "device": models.segmenter.device,
            "map_voxels": len(engine.map),
            "max_voxels": engine.settings.map.max_voxels,
            "objects": len(state.objects),
            "keyframes": len(keyframes),
            "keyframes_mb": f"{engine.keyframes.size / 1e6:.1f}",
            "keyframes_waiting": models.views_waiting(KeyframeViews(keyframes)),
            "segmentations": background.runs,
            "segmentations_skipped": background.skipped,
            "segmentations_failed": background.failures,
            "views_encoded": engine.view_encoding.encoded,
            "views_waiting": engine.view_encoding.backlog,
            "vocabulary_version": state.vocabulary_version,
            "resident_mb": f"{_resident_mb():.0f}",
        }
        values |= _gpu_memory()
        for stage, times in engine.timings.summary().items():
            values[f"{stage} ms median"] = f"{times.median_ms:.1f}"
            values[f"{stage} ms max"] = f"{times.max_ms:.1f}"
        level = DiagnosticStatus.ERROR if failed else DiagnosticStatus.OK
        message = "segmentation fails, see the log" if failed else f"{values['objects']} objects"
        return self._status("segmentation", level, message, values)

    def _status(
        self, name: str, level: bytes, message: str, values: dict[str, object]
    ) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=level,
            name=f"{self._node.get_fully_qualified_name()}: {name}",
            message=message,
            hardware_id="seg3d_ros",
            values=list(_key_values(values.items())),
        )


def _key_values(items: Iterable[tuple[str, object]]) -> Iterable[KeyValue]:
    return (KeyValue(key=key, value=str(value)) for key, value in items)


def _gpu_memory() -> dict[str, object]:
    """Memory that PyTorch holds on its current GPU; empty where none is in use."""
    torch = sys.modules.get("torch")  # importing it here would cost a second and 300 MB
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {
        "gpu_used_mb": f"{torch.cuda.memory_allocated() / 1e6:.0f}",
        "gpu_reserved_mb": f"{torch.cuda.memory_reserved() / 1e6:.0f}",
        "gpu_peak_mb": f"{torch.cuda.max_memory_allocated() / 1e6:.0f}",
    }


def _resident_mb() -> float:
    """Memory held now; /proc is there on every Linux, the peak is the answer elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
