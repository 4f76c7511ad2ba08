"""Public names: all load, none costs anything before it is used, and the README's example runs."""

import ast
import re
import subprocess
import sys

import numpy as np
import pytest
from support import toy_room

import seg3d_ros


@pytest.mark.parametrize("name", seg3d_ros.__all__)
def test_public_names_load(name):
    value = getattr(seg3d_ros, name)
    assert name == "__version__" or value.__name__ == name
    assert name in dir(seg3d_ros)


def test_public_names_are_typed(request):
    source = (request.config.rootpath / "seg3d_ros/__init__.py").read_text()
    (block,) = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    typed = {alias.asname: node.module for node in block.body for alias in node.names}
    loaded = {name: f"seg3d_ros.{module}" for name, module in seg3d_ros._MODULES.items()}
    assert typed == loaded


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'segment_flie'"):
        _ = seg3d_ros.segment_flie


def test_the_import_loads_nothing_else():
    code = "import sys, seg3d_ros; print({'numpy', 'torch', 'numba'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


@pytest.mark.torch
def test_the_example_of_the_readme_runs(request, tmp_path, monkeypatch, capsys):
    readme = (request.config.rootpath / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    assert len(example.strip().splitlines()) <= 6
    points, colors = toy_room.cloud(6)
    (name,) = re.findall(r'"(\w+\.\w+)"', example)
    write_ply(tmp_path / name, points, colors)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    exec(example, {})
    lines = capsys.readouterr().out.splitlines()
    labels = re.search(r"labels=\[(.*?)\]", example)[1].replace('"', "").split(", ")
    assert lines
    assert all(any(label in line for label in labels) for line in lines)


def write_ply(path, points, colors):
    names = ("x", "y", "z", "red", "green", "blue")
    types = dict.fromkeys(names[:3], "float") | dict.fromkeys(names[3:], "uchar")
    header = ["ply", "format ascii 1.0", f"element vertex {len(points)}"]
    header += [f"property {types[name]} {name}" for name in names] + ["end_header"]
    rows = np.hstack([points, colors])
    np.savetxt(path, rows, fmt=["%.4f"] * 3 + ["%d"] * 3, header="\n".join(header), comments="")
