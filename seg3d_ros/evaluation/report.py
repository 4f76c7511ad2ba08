"""Evaluations as aligned text and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seg3d_ros.evaluation.scores import Evaluation
from seg3d_ros.files import replacing

Row = tuple[str, tuple[str, ...]]  # what is measured; one value for each evaluation
_MISSING = "-"


def rows_of(evaluations: Sequence[Evaluation]) -> list[Row]:
    """Lines of a table with a column for each evaluation of the same split."""
    columns = [dict(_lines(evaluation)) for evaluation in evaluations]
    keys = dict.fromkeys(key for column in columns for key in column)
    return [(key, tuple(column.get(key, _MISSING) for column in columns)) for key in keys]


def text_table(evaluations: Sequence[Evaluation]) -> str:
    """Evaluations of one split side by side."""
    models = [item.model for item in evaluations]
    return aligned(heading(evaluations[0]), models, rows_of(evaluations))


def aligned(title: str, models: Sequence[str], measured: Sequence[Row]) -> str:
    """Table as text.

    Args:
        title: its first line.
        models: heads of the columns.
        measured: the other rows.
    """
    rows = [("", tuple(models)), *measured]
    first = max(len(key) for key, _ in rows)
    widths = [max(8, *(len(values[i]) for _, values in rows)) for i in range(len(models))]
    lines = [title]
    for key, values in rows:
        cells = (f"{value:>{width}}" for value, width in zip(values, widths, strict=True))
        lines.append(f"  {key:<{first}}  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def heading(evaluation: Evaluation) -> str:
    """The split, and how much of it was looked at."""
    return (
        f"{evaluation.split}: {len(evaluation.scenes)} scenes, {evaluation.found.objects} objects"
    )


def write_json(path: Path, evaluations: Sequence[Evaluation]) -> None:
    """Write all numbers; what has no value is null.

    Args:
        path: file to write; an older one is replaced at once.
        evaluations: of any splits.
    """
    document = {"evaluations": [asdict(item) for item in evaluations]}
    with replacing(path) as temporary:
        text = json.dumps(without_nan(document), indent=1, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Three decimals, or a dash for NaN."""
    return _MISSING if math.isnan(value) else f"{value:.3f}"


def _lines(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    found, named = evaluation.found, evaluation.named
    yield "AP, any class", number(found.precision.ap)
    yield "AP50, any class", number(found.precision.ap50)
    yield "AP25, any class", number(found.precision.ap25)
    yield "recall at 0.5", number(found.recall50)
    yield "recall at 0.25", number(found.recall25)
    yield "mean best IoU", number(found.mean_best_iou)
    if named is not None:
        for group, precision in named.precision.items():
            yield f"AP, {group}", number(precision.ap)
            yield f"AP50, {group}", number(precision.ap50)
            yield f"AP25, {group}", number(precision.ap25)
        for group, ranks in named.ranks.items():
            yield f"name top 1, {group}", number(ranks.top1)
            yield f"name top 5, {group}", number(ranks.top5)
            yield f"name top 10, {group}", number(ranks.top10)
            yield f"objects with a mask, {group}", str(ranks.found)
        for name, recall in named.recalls.items():
            yield f"points called so, {name}", number(recall)
        for group, mean in named.mean_iou.items():
            yield f"mIoU, {group}", number(mean)
        if named.harmonic_mean_iou is not None:
            yield "hIoU", number(named.harmonic_mean_iou)
    yield "seconds a scene", f"{evaluation.seconds:.2f}"


def without_nan(value: Any) -> Any:
    """Nested lists and dictionaries with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
