"""The tables of the README say what the code says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from seg3d_ros.segmenters.registry import MODELS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def table_under(heading: str) -> list[list[str]]:
    """Cells of the rows of all tables between a heading and the next one, markup removed."""
    part = README.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def test_parameters() -> None:
    tool = runpy.run_path(str(ROOT / "tools/write_parameter_table.py"))
    assert tool["with_table"](README) == README, "run: python tools/write_parameter_table.py"
    rows = {row[0]: row[1:] for row in table_under("Parameters")}
    assert rows["`map.voxel_size`"][:2] == ["`0.02`", ""]
    assert rows["`node.clear_on_time_jump`"][:2] == ["`false`", "yes"]
    assert rows["`input.point_cloud_topics`"][0] == '`["points"]`'
    assert rows["`model.NAME.mask_threshold`"][2].startswith("mini, spaceformer, maskformer: ")
    assert rows["`model.lassm.mask_threshold`"][0] == "`0.4`"


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
