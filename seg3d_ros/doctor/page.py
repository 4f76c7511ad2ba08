"""Page of a diagnosis: a table of the streams, then troubles with the lines that mend them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from seg3d_ros.doctor.evidence import Evidence, Stream
from seg3d_ros.doctor.finding import Finding
from seg3d_ros.doctor.remedies import start_line
from seg3d_ros.recordings.bag_topics import CloudTopic

_WIDTH = 100
_TITLES = {"error": "ERROR", "warning": "warning", "note": "note"}
Row = tuple[str, str, str, str, str, str]
_HEAD: Row = ("topic", "type", "Hz", "gap s", "MB", "quality of service")


def page(evidence: Evidence, findings: Sequence[Finding]) -> str:
    """The whole page as text."""
    lines = [_title(evidence), "", *_table(evidence), "", *_sources(evidence), ""]
    for number, finding in enumerate(findings, 1):
        lines += _paragraph(number, finding)
    troubles = sum(finding.level != "note" for finding in findings)
    lines.append(f"Troubles found: {troubles}." if troubles else "No trouble found.")
    return "\n".join(lines)


def _title(evidence: Evidence) -> str:
    parts = [f"seg3d doctor: {evidence.duration_s:.1f} s"]
    if evidence.machine:
        environment = evidence.machine.environment
        parts += [
            f"ROS {environment.get('ROS_DISTRO', '2')}",
            evidence.machine.middleware,
            f"domain {environment.get('ROS_DOMAIN_ID') or 0}",
            f"node {evidence.node.name}" if evidence.node else "no seg3d node runs",
        ]
    parts.append(f"map frame {evidence.fixed_frame!r}")
    return ", ".join(parts)


def _table(evidence: Evidence) -> list[str]:
    rows = [_HEAD, *(_row(stream) for _, stream in sorted(evidence.streams.items()))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if 2 <= place <= 4 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(stream: Stream) -> Row:
    gaps = [b - a for a, b in zip(stream.arrivals_ns, stream.arrivals_ns[1:], strict=False)]
    qualities = dict.fromkeys(str(sender.quality) for sender in stream.publishers)
    return (
        stream.topic,
        stream.kind.rsplit("/", 1)[-1],
        f"{stream.rate_hz:.1f}" if len(stream) > 1 else str(len(stream) or "-"),
        f"{max(gaps) * 1e-9:.2f}" if gaps else "-",
        f"{stream.largest_bytes * 1e-6:.2f}" if len(stream) else "-",
        "; ".join(qualities),
    )


def _sources(evidence: Evidence) -> Iterator[str]:
    for topic, source in evidence.sources.items():
        kind = "cloud" if isinstance(source, CloudTopic) else "camera"
        frames = evidence.streams[topic].frames
        chain = evidence.transforms.ancestors(frames[-1]) if frames else ["no frame"]
        yield f"{kind} {topic}: frames {' < '.join(chain)}"
        if evidence.is_live and evidence.node is None:
            yield f"   > {start_line(evidence, source)}"


def _paragraph(number: int, finding: Finding) -> list[str]:
    head = f"{number}. {_TITLES[finding.level]}: {finding.subject}: "
    lines = textwrap.wrap(
        head + finding.text, _WIDTH, subsequent_indent="   ", break_long_words=False
    )
    if finding.remedy:
        lines.append(f"   > {finding.remedy}")  # whole, so that it can be copied
    return [*lines, ""]
