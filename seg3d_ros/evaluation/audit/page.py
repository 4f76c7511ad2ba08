"""Audits as a page: the table, and plots of each recording over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from seg3d_ros.evaluation.audit.report import heads_of, rows_of
from seg3d_ros.evaluation.audit.run import Audit
from seg3d_ros.evaluation.page import page_of, table
from seg3d_ros.files import replacing

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 180, 40, 24  # pixels of a plot and of its margins
_COLORS = ("#222222", "#1f77b4", "#2ca02c", "#d62728", "#ff7f0e")
_Series = dict[str, Sequence[float]]


def write_audit_page(folder: Path, audits: Sequence[Audit]) -> None:
    """Write index.html; an older one is replaced.

    Args:
        folder: made if need be.
        audits: at least one.
    """
    body = "\n".join([table(("", *heads_of(audits)), rows_of(audits)), *map(_plots, audits)])
    with replacing(folder / "index.html") as temporary:
        temporary.write_text(page_of("Audit", body), encoding="utf-8")


def _plots(audit: Audit) -> str:
    moments = audit.moments
    seconds = (np.array([moment.stamp_ns for moment in moments]) - moments[0].stamp_ns) / 1e9
    objects: _Series = {
        "true": [len(moment.true_ids) for moment in moments],
        "known": [len(moment.object_ids) for moment in moments],
        "matched": [moment.matched for moment in moments],
        "ghosts": [moment.ghosts for moment in moments],
        "duplicates": [moment.duplicates for moment in moments],
    }
    times: _Series = {"seconds": list(audit.scores.usage.tick_seconds)}
    ticks = np.arange(len(audit.scores.usage.tick_seconds))
    return (
        f"<h2>{escape(audit.name)}</h2>\n{plot('objects over seconds', seconds, objects)}\n"
        f"{plot('time over ticks', ticks, times)}"
    )


def plot(title: str, x: np.ndarray, series: _Series) -> str:
    """Line plot as SVG.

    Args:
        title: above it.
        x: (N,) ascending.
        series: (N,) values by name, at least one.
    """
    top = max(1.0, *(max(values, default=0) for values in series.values()))
    span = max(float(x[-1] - x[0]), 1e-9) if len(x) else 1.0
    lines = [_line(number, x, item, span, top) for number, item in enumerate(series.items())]
    axis = (
        f'<path d="M{_LEFT},10 V{_HEIGHT - _BOTTOM} H{_WIDTH}" fill="none" stroke="#999"/>'
        f'<text x="{_LEFT - 4}" y="16" text-anchor="end">{top:.3g}</text>'
        f'<text x="{_LEFT - 4}" y="{_HEIGHT - _BOTTOM}" text-anchor="end">0</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">{span:.3g}</text>'
    )
    size = f'viewBox="0 0 {_WIDTH + 90} {_HEIGHT}" width="{_WIDTH + 90}"'
    drawn = "\n".join([axis, *lines])
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg {size} font-size="11" font-family="sans-serif">{drawn}</svg></figure>'
    )


def _line(
    number: int, x: np.ndarray, named: tuple[str, Sequence[float]], span: float, top: float
) -> str:
    name, values = named
    color = _COLORS[number % len(_COLORS)]
    points = " ".join(_points(x, values, span, top))
    label = f'<text x="{_WIDTH + 6}" y="{20 + 14 * number}" fill="{color}">{escape(name)}</text>'
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>{label}'


def _points(x: np.ndarray, values: Sequence[float], span: float, top: float) -> Iterator[str]:
    for place, value in zip(x, values, strict=True):
        across = _LEFT + (place - x[0]) / span * (_WIDTH - _LEFT)
        yield f"{across:.1f},{10 + (1 - value / top) * (_HEIGHT - _BOTTOM - 10):.1f}"
