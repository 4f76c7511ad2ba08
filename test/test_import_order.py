"""Imports point down the order of folders in CONTRIBUTING.md, and no folders form a circle."""

import ast
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import pytest

PACKAGE = "seg3d_ros"


@pytest.fixture(scope="module")
def imports(request):
    """Map of each folder (or root module) to what it imports: {name: [importing file, ...]}."""
    root = request.config.rootpath / PACKAGE
    found = defaultdict(lambda: defaultdict(list))
    for file in root.rglob("*.py"):
        path = file.relative_to(root)
        for name in imported(ast.parse(file.read_text())):
            if name != unit(path):
                found[unit(path)][name].append(str(path))
    return found


def unit(path):
    return path.parts[0].removesuffix(".py")


def imported(tree):
    """Folders and root modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith(f"{PACKAGE}.")
            )


@pytest.fixture(scope="module")
def levels(request):
    """Level of each folder, from the list in CONTRIBUTING.md; small is low."""
    text = (request.config.rootpath / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"```\s+(cli .*?)```", text, re.S)
    groups = [re.findall(r"\w+", group) for group in block.split("→")]
    return {name: -place for place, group in enumerate(groups) for name in group}


GENERATED = {"msg", "srv", "__version__"}


def test_every_folder_has_its_place(imports, levels, request):
    root = request.config.rootpath / PACKAGE
    folders = {path.parent.name for path in root.glob("*/__init__.py")}
    modules = {path.stem for path in root.glob("*.py")} - {"__init__"}
    assert folders | modules == set(levels)


def test_imports_point_down(imports, levels):
    upwards = [
        f"{file} imports {name}"
        for importer, names in imports.items()
        for name, files in names.items()
        for file in files
        if importer != "__init__" and name not in GENERATED
        if levels[name] > levels[importer]
    ]
    assert not upwards


def test_no_folders_import_each_other(imports):
    graph = {name: set(names) - GENERATED for name, names in imports.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")
