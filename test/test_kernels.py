"""Compiled kernels are shared by clones of the same sources, and only by those."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import seg3d_ros

HITS = """
import numpy as np
from seg3d_ros.sparse import hash_index
index = hash_index.build_index(np.arange(3))
kernels = [f for f in vars(hash_index).values() if hasattr(f, "stats")]
print(sum(sum(f.stats.cache_hits.values()) for f in kernels),
      sum(sum(f.stats.cache_misses.values()) for f in kernels))
"""


def start(clone: Path, cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(clone), "XDG_CACHE_HOME": str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    return subprocess.Popen(
        [sys.executable, "-c", HITS], cwd=clone, env=environment, stdout=subprocess.PIPE, text=True
    )


def counts(clone: Path, cache: Path) -> list[int]:
    """Kernels that were found compiled, and that were not."""
    return ended(start(clone, cache))


def ended(process: subprocess.Popen[str]) -> list[int]:
    out, _ = process.communicate()
    assert process.returncode == 0
    return [int(word) for word in out.split()]


def make_clone(folder: Path) -> Path:
    package = Path(seg3d_ros.__file__).parent
    shutil.copytree(
        package, folder / "seg3d_ros", ignore=shutil.ignore_patterns("__pycache__", "weights")
    )
    return folder


@dataclass
class Compiled:
    """A clone whose kernels one process has compiled.

    Attributes:
        clone: folder of the clone.
        cache: where the compiled code lies.
        count: kernels that were compiled.
    """

    clone: Path
    cache: Path
    count: int

    def copy_cache(self, folder: Path) -> Path:
        return Path(shutil.copytree(self.cache, folder / "cache"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Compiled:
    folder = tmp_path_factory.mktemp("compiled")
    clone, cache = make_clone(folder / "clone"), folder / "cache"
    hits, misses = counts(clone, cache)
    assert hits == 0 and misses > 0
    return Compiled(clone, cache, misses)


def test_a_second_clone_compiles_nothing(compiled, tmp_path) -> None:
    second = make_clone(tmp_path)
    for file in second.rglob("*.py"):
        os.utime(file, (1e9, 1e9))  # clones are written at different times
    assert counts(second, compiled.cache) == [compiled.count, 0]


def test_a_change_in_any_file_with_kernels_compiles_again(compiled, tmp_path) -> None:
    clone, cache = make_clone(tmp_path / "clone"), compiled.copy_cache(tmp_path)
    unrelated = clone / "seg3d_ros" / "scene.py"
    unrelated.write_text(unrelated.read_text() + "# changed\n")
    assert counts(clone, cache) == [compiled.count, 0]
    other = clone / "seg3d_ros" / "mapping" / "carving.py"
    other.write_text(other.read_text() + "# changed\n")
    assert counts(clone, cache) == [0, compiled.count]


def test_processes_that_start_together_compile_each_kernel_once(compiled, tmp_path) -> None:
    processes = [start(compiled.clone, tmp_path / "cache") for _ in range(2)]
    found = [ended(process) for process in processes]
    assert sum(misses for _, misses in found) == compiled.count
    assert sum(hits for hits, _ in found) == compiled.count


def test_a_process_that_died_while_compiling_holds_nobody_up(compiled, tmp_path) -> None:
    cache = compiled.copy_cache(tmp_path)
    for file in cache.rglob("*.nb?"):
        file.unlink()
    assert any(cache.rglob("*.lock"))
    assert counts(compiled.clone, cache) == [0, compiled.count]


def test_every_file_with_kernels_takes_part_in_the_key() -> None:
    """A file that imports numba by itself could change without its kernels being compiled."""
    package = Path(seg3d_ros.__file__).parent
    direct = re.compile(r"^\s*(import numba|from numba)\b", re.M)
    found = {file.name for file in package.rglob("*.py") if direct.search(file.read_text())}
    assert found == {"kernels.py"}


def test_without_a_cache_folder_numba_finds_another_place(tmp_path) -> None:
    clone, cache = make_clone(tmp_path / "clone"), tmp_path / "file"
    cache.write_text("no folder")
    _, misses = counts(clone, cache)
    assert misses > 0
