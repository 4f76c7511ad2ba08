"""numba, with compiled kernels shared by all clones of the same sources.

numba keeps compiled code beside each source file and checks that file alone. A kernel that was
changed in another file, or a class that was renamed there, leaves code that is stale or cannot be
read, and every new clone compiles for a minute. Here the content of all files with kernels is the
key, and the code lies in the user's cache folder; numba itself tells machines apart.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

__all__ = ["numba"]

PACKAGE = Path(__file__).parent
_IMPORT = b"from seg3d_ros.kernels import numba"
_UNUSED_S = 30 * 86400.0  # code of other sources is removed when it is older


@functools.cache
def kernel_folder() -> Path:
    """Folder of the code compiled from these sources; made if it is missing."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        source = file.read_bytes()
        if _IMPORT in source:
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + source)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "seg3d_ros" / "kernels" / digest.hexdigest()[:16]
    if not folder.is_dir():
        _remove_unused(folder.parent)
        folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    return folder


def _remove_unused(folder: Path) -> None:
    for old in folder.glob("*"):
        if time.time() - old.stat().st_mtime > _UNUSED_S:
            shutil.rmtree(old, ignore_errors=True)


class _Locator(caching._SourceFileBackedLocatorMixin, caching._CacheLocator):  # type: ignore[misc]
    """Place of the compiled code of a function of this package."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        self._folder = kernel_folder() / Path(file).resolve().relative_to(PACKAGE).parent

    def get_cache_path(self) -> str:
        return str(self._folder)

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> Any:
        """Locator of a function; None for those of other packages, and where a user decides."""
        if numba.config.CACHE_DIR or not Path(file).resolve().is_relative_to(PACKAGE):
            return None
        try:
            return super().from_function(function, file)
        except OSError:  # no home folder that can be written: numba has other places
            return None


caching.CacheImpl._locator_classes.insert(0, _Locator)
