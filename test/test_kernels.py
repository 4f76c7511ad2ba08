"""Compiled kernels are shared by clones of the same sources, and only by those."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_a_second_clone_compiles_nothing(tmp_path) -> None:
    first, second = (make_clone(tmp_path / name) for name in ("first", "second"))
    for file in second.rglob("*.py"):
        os.utime(file, (1e9, 1e9))  # clones are written at different times
    cache = tmp_path / "cache"
    hits, misses = counts(first, cache)
    assert hits == 0 and misses > 0
    assert counts(second, cache) == [misses, 0]


def test_a_change_in_any_file_with_kernels_compiles_again(tmp_path) -> None:
    clone, cache = make_clone(tmp_path / "clone"), tmp_path / "cache"
    _, misses = counts(clone, cache)
    other = clone / "seg3d_ros" / "mapping" / "carving.py"
    other.write_text(other.read_text() + "# changed\n")
    assert counts(clone, cache) == [0, misses]
    unrelated = clone / "seg3d_ros" / "scene.py"
    unrelated.write_text(unrelated.read_text() + "# changed\n")
    assert counts(clone, cache) == [misses, 0]


def test_processes_that_start_together_compile_each_kernel_once(tmp_path) -> None:
    clone = make_clone(tmp_path / "clone")
    _, alone = counts(clone, tmp_path / "cache_of_one")
    processes = [start(clone, tmp_path / "cache") for _ in range(2)]
    found = [ended(process) for process in processes]
    assert sum(misses for _, misses in found) == alone
    assert sum(hits for hits, _ in found) == alone


def test_a_process_that_died_while_compiling_holds_nobody_up(tmp_path) -> None:
    clone, cache = make_clone(tmp_path / "clone"), tmp_path / "cache"
    _, alone = counts(clone, cache)
    for file in cache.rglob("*.nb?"):
        file.unlink()
    assert any(cache.rglob("*.lock"))
    assert counts(clone, cache) == [0, alone]


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
