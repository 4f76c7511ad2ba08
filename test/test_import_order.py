"""Imports point down the order of folders in CONTRIBUTING.md, and nothing imports in circles."""

import ast
import runpy
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import pytest

PACKAGE = "seg3d_ros"


@pytest.fixture(scope="module")
def tool(request):
    """Names of the tool that draws the same imports."""
    return runpy.run_path(str(request.config.rootpath / "tools" / "draw_architecture.py"))


@pytest.fixture(scope="module")
def imports(request, tool):
    """Map of each folder (or root module) to what it imports: {name: [importing file, ...]}."""
    root = request.config.rootpath / PACKAGE
    found = defaultdict(lambda: defaultdict(list))
    for file in root.rglob("*.py"):
        path = file.relative_to(root)
        for name in tool["imported"](file):
            if name != unit(path):
                found[unit(path)][name].append(str(path))
    return found


@pytest.fixture(scope="module")
def modules(request):
    """Map of each module to the modules that it imports, anywhere in it."""
    root = request.config.rootpath
    files = {dotted(file.relative_to(root)): file for file in (root / PACKAGE).rglob("*.py")}
    return {
        name: set(imported_modules(ast.parse(file.read_text(encoding="utf-8")), files))
        - {name, PACKAGE}
        for name, file in files.items()
    }


def dotted(path):
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported_modules(tree, known):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def unit(path):
    return path.parts[0].removesuffix(".py")


@pytest.fixture(scope="module")
def levels(tool):
    """Level of each folder, from the list in CONTRIBUTING.md; small is low."""
    return {name: -place for place, group in enumerate(tool["rows"]()) for name in group}


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
    refuse_circles({name: set(names) - GENERATED for name, names in imports.items()})


def test_no_modules_import_each_other(modules):
    assert "seg3d_ros.scene" in modules["seg3d_ros.mapping.voxel_map"]
    refuse_circles(modules)


def refuse_circles(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")
