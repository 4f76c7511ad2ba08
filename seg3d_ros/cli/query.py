"""`seg3d query`: objects of a map file by words, places and areas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.named_map import open_named_map
from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options

if TYPE_CHECKING:
    from seg3d_ros.objects.query import Match, QueryResult


@click.command(cls=WordsCommand, offered=("text",))
@click.argument("map_file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("text", default="")
@words_options
@click.option("--model", default="mini", show_default=True, help="Whose embeddings it holds.")
@click.option("--label", default="", help="Only objects with this label, or a synonym of it.")
@click.option("--area", default="", help="Only objects in this area of the map.")
@click.option("--max-results", type=click.IntRange(min=0), default=0, help="0: all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def query(
    map_file: Path,
    text: str,
    labels: tuple[str, ...],
    vocabulary: str | None,
    model: str,
    label: str,
    area: str,
    max_results: int,
    as_json: bool,
    settings: dict[str, Any],
) -> None:
    """Print the objects of MAP_FILE that fit TEXT, best first.

    TEXT is a phrase about places, such as "the cup on the desk", "chairs not next to a table" or
    "how many chairs are near the door", or any other words.
    """
    from seg3d_ros.objects.query import Query

    with one_line_errors():
        words = chosen_words(labels, vocabulary)
        engine, _ = open_named_map(map_file, words, model, settings)
        found = engine.query(Query(text, label, area=area, max_results=max_results))
    click.echo(_json(found) if as_json else _table(found))


def _json(found: QueryResult) -> str:
    """Answer for programs, map frame, metres."""
    content = {
        "total": found.matches.total,
        "remarks": found.remarks,
        "objects": [_entry(match) for match in found.matches],
    }
    return json.dumps(content, indent=2)


def _entry(match: Match) -> dict[str, Any]:
    known = match.object
    return {
        "id": known.id,
        "label": known.label,
        "score": round(match.score, 4),
        "reason": match.reason,
        "centroid": [round(float(value), 3) for value in known.centroid],
        "size": [round(float(value), 3) for value in known.box.size],
        "yaw": round(known.box.yaw, 4),
    }


def _table(found: QueryResult) -> str:
    return "\n".join([found.summary, *map(_row, found.matches)])


def _row(match: Match) -> str:
    known = match.object
    place = ", ".join(f"{value:.2f}" for value in known.centroid)
    row = f"{known.id:>6}  {known.label:<20}  {match.score:5.2f}  ({place})  {match.reason}"
    return row.rstrip()
