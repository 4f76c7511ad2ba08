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
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "seg3d_ros"
PICTURE = ROOT / "docs/architecture.svg"

WIDTH, HEIGHT, GAP, ROW = 268, 58, 28, 104  # of boxes and rows, pixels
COLUMNS = 45  # characters of a line in a box

Place = tuple[float, float]


def rows() -> list[list[str]]:
    """Folders and root modules, the highest first, from CONTRIBUTING.md."""
    (block,) = re.findall(r"```\s+(cli .*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    return [re.findall(r"\w+", group) for group in block.split("→")]


def heading(folder: str) -> str:
    """First line of a folder's docstring, without its full stop."""
    tree = ast.parse((ROOT / PACKAGE / folder / "__init__.py").read_text())
    return (ast.get_docstring(tree) or "").splitlines()[0].rstrip(".")


def imports(folder: str) -> set[str]:
    """Folders and root modules that the files of a folder import."""
    found: set[str] = set()
    for file in (ROOT / PACKAGE / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
                found.add(str(node.module).split(".")[1])
    return found - {folder}


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Graph without the edges that follow from others."""

    def below(name: str) -> set[str]:
        return graph[name].union(*map(below, graph[name]))

    return {name: to - set().union(*map(below, to)) for name, to in graph.items()}


def draw() -> str:
    """The picture as SVG."""
    *upper, modules = rows()
    folders = [name for row in upper for name in row]
    edges = reduced({name: imports(name) & set(folders) for name in folders})
    width = max(map(len, upper)) * (WIDTH + GAP) + 3 * GAP
    places = {
        name: (width / 2 + (column - (len(row) - 1) / 2) * (WIDTH + GAP), ROW * number + ROW / 2)
        for number, row in enumerate(upper)
        for column, name in enumerate(row)
    }
    bottom = ROW * len(upper) + ROW / 2
    parts = [_arrow(places[a], places[b]) for a in folders for b in sorted(edges[a])]
    parts += [_box(places[name], name + "/", heading(name)) for name in folders]
    parts.append(_box((width / 2, bottom), ", ".join(modules), "", width=width - 4 * GAP))
    return "\n".join([*_head(width, bottom + ROW / 2), *parts, "</svg>", ""])


def _head(width: float, height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        'font-family="sans-serif" text-anchor="middle">'
    )
    yield (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#5b6b7f"/></marker></defs>'
    )
    yield f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>'


def _arrow(start: Place, end: Place) -> str:
    """Curve from below one box to above another; beside the boxes of the rows between."""
    (x0, y0), (x1, y1) = (start[0], start[1] + HEIGHT / 2), (end[0], end[1] - HEIGHT / 2)
    bend = max(22.0, (y1 - y0) * 0.45)
    return (
        f'<path d="M{x0:g} {y0:g}C{x0:g} {y0 + bend:g} {x1:g} {y1 - bend:g} {x1:g} {y1 - 2:g}" '
        'fill="none" stroke="#5b6b7f" stroke-width="1.3" marker-end="url(#head)"/>'
    )


def _box(center: Place, name: str, text: str, *, width: float = WIDTH) -> str:
    x, y = center
    lines = textwrap.wrap(text, COLUMNS)[:2]
    top = y + (-7 * len(lines) if lines else 5)
    words = [f'<text x="{x:g}" y="{top:g}" font-size="14" font-weight="bold">{name}</text>']
    words += [
        f'<text x="{x:g}" y="{top + 16 + 14 * number:g}" font-size="11">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    return (
        f'<rect x="{x - width / 2:g}" y="{y - HEIGHT / 2:g}" width="{width:g}" '
        f'height="{HEIGHT}" rx="7" fill="#eef3f9" stroke="#8fa3bb"/>{"".join(words)}'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(PICTURE)
