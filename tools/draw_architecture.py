"""Draw the folders of the package and their imports: `python tools/draw_architecture.py`.

The picture is docs/architecture.svg; a test fails when it is not that of the code. Rows are the
order of CONTRIBUTING.md. An arrow means "imports"; those that follow from two others are left
out, and so are those to the modules of the last row.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "seg3d_ros"
PICTURE = ROOT / "docs/architecture.svg"

# Lanes from left to right, so that arrows pass beside the boxes of the rows between.
LANES = {
    "cli": 2, "demo": 0, "node": 1, "evaluation": 3, "training": 4, "viewer": 2, "agents": 0,
    "doctor": 0, "engine": 1, "synthesis": 4,
    "recordings": 0, "segmenters": 1, "pictures": 2, "datasets": 3,
    "networks": 1, "objects": 2, "imaging": 0, "text": 1, "mapping": 3, "sensing": 0, "sparse": 2,
}  # fmt: skip
WIDTH, HEIGHT, GAP, ROW = 180, 68, 20, 112  # of boxes and rows, pixels
COLUMNS, LINES = 30, 3  # characters of a line in a box, and lines

Place = tuple[float, float]


def rows() -> list[list[str]]:
    """Folders and root modules, the highest first, from CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\s+(cli .*?)```", text, re.S)
    return [re.findall(r"\w+", group) for group in block.split("→")]


def heading(folder: str) -> str:
    """First line of a folder's docstring, without its full stop."""
    source = (ROOT / PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").splitlines()[0].rstrip(".")


def imported(file: Path) -> Iterator[str]:
    """Folders and root modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (n.split(".")[1] for n in names if n.startswith(f"{PACKAGE}."))


def imports(folder: str) -> set[str]:
    """Folders and root modules that the files of a folder import."""
    files = (ROOT / PACKAGE / folder).rglob("*.py")
    return {name for file in files for name in imported(file)} - {folder}


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Graph without the edges that follow from others."""

    @cache
    def below(name: str) -> frozenset[str]:
        return frozenset(graph[name]).union(*map(below, graph[name]))

    return {name: to - set().union(*map(below, to)) for name, to in graph.items()}


def draw() -> str:
    """The picture as SVG."""
    *upper, modules = rows()
    folders = [name for row in upper for name in row]
    edges = reduced({name: imports(name) & set(folders) for name in folders})
    width = (max(LANES.values()) + 1) * (WIDTH + GAP) + GAP
    places = {
        name: (GAP + WIDTH / 2 + LANES[name] * (WIDTH + GAP), ROW * number + ROW / 2)
        for number, row in enumerate(upper)
        for name in row
    }
    bottom = ROW * len(upper) + ROW / 2
    parts = [_arrow(places[a], places[b]) for a in folders for b in sorted(edges[a])]
    parts += [_box(places[name], name + "/", heading(name)) for name in folders]
    parts.append(_box((width / 2, bottom), ", ".join(modules), "", width=width - 2 * GAP))
    return "\n".join([*_head(width, bottom + ROW / 2), *parts, "</svg>", ""])


def _head(width: float, height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="sans-serif" text-anchor="middle">'
    )
    yield (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#5b6b7f"/></marker></defs>'
    )
    yield f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>'


def _arrow(start: Place, end: Place) -> str:
    """Curve from below one box to above another, or to below one of the same row."""
    (x0, y0), (x1, y1) = (start[0], start[1] + HEIGHT / 2), (end[0], end[1] - HEIGHT / 2 - 2)
    bend = max(22.0, (y1 - y0) * 0.45)
    handle = y1 - bend
    if start[1] == end[1]:  # beside the arrows that go straight down
        aside = WIDTH / 4 if x1 > x0 else -WIDTH / 4
        x0, x1, y1 = x0 + aside, x1 - aside, y0 + 2
        bend, handle = 26.0, y1 + 26.0
    return (
        f'<path d="M{x0:g} {y0:g}C{x0:g} {y0 + bend:g} {x1:g} {handle:g} {x1:g} {y1:g}" '
        'fill="none" stroke="#5b6b7f" stroke-width="1.3" marker-end="url(#head)"/>'
    )


def _box(center: Place, name: str, text: str, *, width: float = WIDTH) -> str:
    x, y = center
    lines = textwrap.wrap(text, COLUMNS, max_lines=LINES, placeholder=" …")
    top = y + (3 - 7 * len(lines) if lines else 5)
    words = [f'<text x="{x:g}" y="{top:g}" font-size="14" font-weight="bold">{name}</text>']
    words += [
        f'<text x="{x:g}" y="{top + 15 + 13 * number:g}" font-size="11">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    return (
        f'<rect x="{x - width / 2:g}" y="{y - HEIGHT / 2:g}" width="{width:g}" '
        f'height="{HEIGHT}" rx="7" fill="#eef3f9" stroke="#8fa3bb"/>{"".join(words)}'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(PICTURE)
