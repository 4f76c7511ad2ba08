"""The second process that compiles kernels: it compiles what the first needs, and ends with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seg3d_ros.engine import second_compiler
from seg3d_ros.engine.second_compiler import start_second_compiler
from seg3d_ros.kernel_folder import are_compiled, kernel_folder, note_compiled

FIRST = """
from seg3d_ros.engine.warm_up import warm_up
from seg3d_ros.segmenters.registry import load_segmenter
warm_up(load_segmenter("geometric"))
"""
SECOND = """
from seg3d_ros.engine.warm_up import compile_from_the_other_end
compile_from_the_other_end()
"""
COMPILED = """
from support.compiled_late import compiled_kernels
print("\\n".join(" ".join(kernel) for kernel in compiled_kernels()))
"""


def compiled_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program + COMPILED],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines())


def test_kernels_are_compiled_at_installation(tmp_path, monkeypatch) -> None:
    """Kernels that are missing after a warm-up without an end are compiled, and it is noted."""
    folder = tmp_path / "seg3d_ros" / "kernels" / kernel_folder().name
    shutil.copytree(kernel_folder(), folder, ignore=shutil.ignore_patterns("compiled-*"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    install = [sys.executable, "-m", "seg3d_ros.engine.compile_kernels"]
    subprocess.run(install, check=True)
    marks = list(folder.glob("compiled-*"))
    assert len(marks) == 1
    subprocess.run(install, check=True)  # ends at once
    assert list(folder.glob("compiled-*")) == marks


@pytest.fixture
def nothing_compiled(tmp_path, monkeypatch):
    """A home folder in which nothing was compiled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel_folder.cache_clear()
    yield
    monkeypatch.undo()
    kernel_folder.cache_clear()


@pytest.mark.slow
def test_it_compiles_nothing_that_the_first_does_not_need() -> None:
    first, second = compiled_by(FIRST), compiled_by(SECOND)
    of_names = {line for line in second if "color_segments" in line or "superpoints" in line}
    assert second - first == of_names  # `mini` needs them, and `geometric` does not
    assert len(second) > len(first) / 2


def test_it_starts_where_nothing_is_compiled_and_ends_with_the_first(
    nothing_compiled, monkeypatch, tmp_path
) -> None:
    assert not are_compiled()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    process = start_second_compiler()
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as the end of this process would
    assert process.wait(60) == 0
    assert not list(tmp_path.rglob("*.nbc"))  # it has not worked to the end

    note_compiled()
    assert start_second_compiler() is None


def test_one_core_is_left_to_the_first(nothing_compiled, monkeypatch) -> None:
    monkeypatch.setattr(second_compiler.os, "sched_getaffinity", lambda _: {0})
    assert start_second_compiler() is None


def test_a_home_that_cannot_be_written_is_no_hindrance(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kernel_folder.cache_clear()
    note_compiled()
    assert not are_compiled()
