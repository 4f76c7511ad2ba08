"""/diagnostics: what comes in, what is waited for, how long things take, how much is stored.

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

from seg3d_ros.node.arrival import SourceRecord
from seg3d_ros.node.inputs import Inputs
from seg3d_ros.node.throttle import Throttle
from seg3d_ros.node.worker import SegmentationWorker
from seg3d_ros.pipeline import Perception

log = logging.getLogger(__name__)

SILENT_S = 5.0  # without a message for this long, a source is reported
PERIOD_S = 1.0


class Diagnostics:
    """Publishes the state of a running node once a second and logs what is missing."""

    def __init__(
        self, node: Node, perception: Perception, inputs: Inputs, worker: SegmentationWorker
    ) -> None:
        self._node = node
        self._perception = perception
        self._inputs = inputs
        self._worker = worker
        self._dropped_before: dict[str, int] = {}
        self._failures_before = 0
        self._throttle = Throttle(log)
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = node.create_timer(PERIOD_S, self.publish)

    def close(self) -> None:
        """Stop publishing."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def publish(self) -> None:
        """Send one report."""
        statuses = [
            self._source_status(name, record) for name, record in self._inputs.records.items()
        ]
        statuses.append(self._segmentation_status())
        msg = DiagnosticArray(status=statuses)
        msg.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(msg)

    def _source_status(self, name: str, record: SourceRecord) -> DiagnosticStatus:
        level, message = self._judge(name, record)
        if level != DiagnosticStatus.OK:
            kind = message[:10]  # the words in front of names and numbers
            self._throttle.warning(f"{name} {kind}", "%s: %s", name, message)
        values: dict[str, object] = {
            "rate_hz": f"{record.rate_hz:.1f}",
            "received": record.received,
            "integrated": record.integrated,
        }
        values |= {f"dropped: {why}": count for why, count in sorted(record.dropped.items())}
        return self._status(f"input {name}", level, message, values)

    def _judge(self, name: str, record: SourceRecord) -> tuple[bytes, str]:
        """Level and sentence for a source; tells apart why nothing comes."""
        dropped = sum(record.dropped.values())
        fresh_drops = dropped - self._dropped_before.get(name, 0)
        self._dropped_before[name] = dropped
        if not record.received:
            return DiagnosticStatus.STALE, self._why_nothing(name)
        if record.waiting:
            return DiagnosticStatus.WARN, f"waiting for {record.waiting}"
        if record.silence_s > SILENT_S:
            return DiagnosticStatus.WARN, f"no message for {record.silence_s:.0f} s"
        if fresh_drops:
            reasons = ", ".join(f"{why} {count}" for why, count in record.dropped.items())
            return DiagnosticStatus.WARN, f"frames are dropped: {reasons}"
        return DiagnosticStatus.OK, f"{record.rate_hz:.1f} Hz"

    def _why_nothing(self, name: str) -> str:
        lost = [t for t in self._inputs.topics[name] if not self._node.count_publishers(t)]
        if lost:
            return f"no input yet: nobody publishes {', '.join(lost)}"
        return (
            "topic seen, but nothing received: the publisher is silent, or its messages do not "
            "fit the middleware's shared memory (start both sides with config/fastdds.xml)"
        )

    def _segmentation_status(self) -> DiagnosticStatus:
        perception, worker = self._perception, self._worker
        failed = worker.failures > self._failures_before
        self._failures_before = worker.failures
        last = perception.last
        values: dict[str, object] = {
            "model": perception.segmenter.name,
            "prompt_model": perception.prompt_segmenter.name,
            "device": perception.segmenter.device,
            "map_voxels": len(perception.map),
            "max_voxels": perception.settings.map.max_voxels,
            "objects": len(last.objects) if last else 0,
            "segmentations": worker.runs,
            "segmentations_skipped": worker.skipped,
            "segmentations_failed": worker.failures,
            "vocabulary_version": perception.vocabulary.version if perception.vocabulary else 0,
            "resident_mb": f"{_resident_mb():.0f}",
        }
        values |= _gpu_memory()
        for stage, times in perception.timings.summary().items():
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
    """What PyTorch holds on its current GPU; empty where none is in use."""
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
