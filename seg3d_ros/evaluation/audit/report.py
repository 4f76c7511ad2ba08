"""Audits as aligned text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.evaluation.audit.moment import Moment
from seg3d_ros.evaluation.audit.repeatability import Repeatability
from seg3d_ros.evaluation.audit.run import Audit
from seg3d_ros.evaluation.audit.scores import AuditScores
from seg3d_ros.evaluation.report import Row, aligned, number, without_nan
from seg3d_ros.files import replacing

_MB = 1e6


def rows_of(audits: Sequence[Audit]) -> list[Row]:
    """Lines of a table: a column for each audit, and the mean of all where there are several."""
    columns = [_values(audit.scores) for audit in audits]
    rows = []
    for name in columns[0]:
        values = [column[name] for column in columns]
        shown = [*values, _mean(values)] if len(values) > 1 else values
        rows.append((name, tuple(map(_shown, shown))))
    return rows


def heads_of(audits: Sequence[Audit]) -> list[str]:
    """Heads of the columns of `rows_of`."""
    names = [audit.name for audit in audits]
    return [*names, "mean"] if len(names) > 1 else names


def text_table(audits: Sequence[Audit]) -> str:
    """Audits side by side."""
    return aligned("audit", heads_of(audits), rows_of(audits))


def repeatability_table(found: Sequence[Repeatability]) -> str:
    """Recordings without ground truth side by side."""
    rows = [
        ("objects found in both passes (F1)", tuple(number(item.f1) for item in found)),
        ("of these with one name", tuple(number(item.same_name) for item in found)),
        ("objects, first pass", tuple(str(item.first) for item in found)),
        ("objects, second pass", tuple(str(item.second) for item in found)),
    ]
    return aligned("repeatability", [item.name for item in found], rows)


def write_json(
    path: Path, audits: Sequence[Audit], repeatability: Sequence[Repeatability] = ()
) -> None:
    """Write all numbers; what has no value is null."""
    document = {
        "audits": [_document(audit) for audit in audits],
        "repeatability": [asdict(item) | {"f1": item.f1} for item in repeatability],
    }
    text = json.dumps(without_nan(document), indent=1, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _values(scores: AuditScores) -> dict[str, float]:
    """Numbers of the table by their names."""
    identity, hota = scores.identity, scores.hota
    return {
        "true objects": scores.objects,
        "object-minutes": scores.object_minutes,
        "IDF1": identity.idf1,
        "HOTA": hota.hota,
        "HOTA, detection": hota.detection,
        "HOTA, association": hota.association,
        "id switches": identity.switches,
        "id switches per 100 object-minutes": scores.switches_per_100_minutes,
        "fragments": identity.fragments,
        "duplicates per true object": scores.duplicates,
        "ghosts per true object": scores.ghosts,
        "seconds from sight to confirmation": scores.confirm_seconds,
        "never found": scores.never_found,
        "AP50 at the end": scores.ap50,
        "name top 1": scores.name_top1,
        "name top 5": scores.name_top5,
        "moved things": scores.moves,
        "moved things with their id": scores.moves_kept,
        "tick, median ms": scores.tick_ms(50),
        "tick, 95 % ms": scores.tick_ms(95),
        "tick, 99 % ms": scores.tick_ms(99),
        "memory at the end, MB per m² of floor": scores.bytes_per_m2 / _MB,
        "peak memory / saved map": scores.peak_over_file,
    }


def _document(audit: Audit) -> dict[str, Any]:
    ticks = [_tick(moment) for moment in audit.moments]
    return {
        "name": audit.name,
        "scores": _values(audit.scores),
        "ticks": ticks,
        "tick_seconds": list(audit.scores.usage.tick_seconds),
    }


def _tick(moment: Moment) -> dict[str, Any]:
    return {
        "stamp_ns": moment.stamp_ns,
        "true": len(moment.true_ids),
        "known": len(moment.object_ids),
        "matched": moment.matched,
        "duplicates": moment.duplicates,
        "ghosts": moment.ghosts,
    }


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else number(value)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
