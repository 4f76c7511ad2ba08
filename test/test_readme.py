"""The tables of the README say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.node.settings import NodeSettings
from seg3d_ros.segmenters.registry import MODELS
from seg3d_ros.settings import settings_of
from seg3d_ros.viewer.settings import ViewerSettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def table_under(heading: str) -> list[list[str]]:
    """Cells of the rows of all tables between a heading and the next one, markup removed."""
    part = README.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def in_words(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(in_words(item) for item in value) + "]"
    return str(value)


def test_parameters() -> None:
    documented = {row[0].strip("`"): row[1:] for row in table_under("Parameters")}
    sections = [("", section) for section in (NodeSettings(), *PerceptionSettings().sections())]
    known = {
        prefix + name: [f"`{in_words(value)}`", "yes" if info.live else "", info.text]
        for prefix, section in [*sections, ("viewer.", ViewerSettings())]
        for name, value, info in settings_of(section)
    }
    assert documented == known


def test_models() -> None:
    assert {row[0].strip("`") for row in table_under("Segmenters")} == set(MODELS)


def test_service_types_exist() -> None:
    files = {path.stem for folder in ("msg", "srv") for path in (ROOT / folder).iterdir()}
    ours = set(re.findall(r"seg3d_ros/([A-Z]\w+)", README))
    assert ours and ours <= files


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
