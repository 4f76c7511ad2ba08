"""Picture of the architecture: it is that of the code, and shows every folder."""

import runpy

import pytest


@pytest.fixture(scope="module")
def tool(request):
    return runpy.run_path(str(request.config.rootpath / "tools/draw_architecture.py"))


@pytest.fixture(scope="module")
def drawn(tool):
    return tool["draw"]()


def test_the_picture_is_up_to_date(tool, drawn):
    kept = tool["PICTURE"].read_text(encoding="utf-8")
    assert kept == drawn, "run: python tools/draw_architecture.py"


def test_every_folder_is_drawn(tool, drawn):
    folders = {file.parent.name for file in (tool["ROOT"] / "seg3d_ros").glob("*/__init__.py")}
    assert len(folders) > 10
    assert all(f">{folder}/</text>" in drawn for folder in folders)


def test_edges_that_follow_from_others_are_left_out(tool):
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert tool["reduced"](graph) == {"a": {"b"}, "b": {"c"}, "c": set()}
