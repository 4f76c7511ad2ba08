"""Kernels: functions that numba compiles, once for all clones and processes of a machine."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numba
from numba.core import caching

from seg3d_ros.kernel_folder import PACKAGE, kernel_digest, kernel_folder

__all__ = ["kernel", "numba"]

_LONGEST_S = 60.0  # that another process may take to compile a kernel


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function when it is first called; it holds no GIL and its code is kept.

    Args:
        function: to compile; None: a decorator with these options is returned.
        options: of `numba.njit`.
    """
    if function is None:
        return lambda decorated: kernel(decorated, **options)
    # No kernel is handed to C: numba's wrappers for that take a sixth of the compiler's time.
    dispatcher = numba.njit(nogil=True, no_cfunc_wrapper=True, **options)(function)
    dispatcher._cache = _SharedCache(function)  # what cache=True does, with a cache of numba's
    return dispatcher


class _SharedCache(caching.FunctionCache):  # type: ignore[misc]
    """Cache of a kernel that one process compiles while the others wait for it."""

    _lock: IO[bytes] | None = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        if found is None:  # it is compiled next, and saved
            self._lock = _locked(Path(self.cache_path) / f"{self._impl.filename_base}.lock")
            found = super().load_overload(sig, target_context)
            if found is not None:
                self._unlock()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        super().save_overload(sig, data)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _locked(path: Path) -> IO[bytes] | None:
    """Lock file, held until it is closed; None where it cannot be had: two compile the same."""
    end = time.monotonic() + _LONGEST_S
    try:
        file = path.open("wb")
    except OSError:
        return None
    while time.monotonic() < end:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:  # a file system without locks
            break
        else:
            return file
    file.close()
    return None


class _Locator(caching._SourceFileBackedLocatorMixin, caching._CacheLocator):  # type: ignore[misc]
    """Place of the compiled code of a function of this package."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        self._folder = kernel_folder() / Path(file).resolve().relative_to(PACKAGE).parent

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """Content alone: by the times of files, as older numba does, each clone would be new."""
        return kernel_digest()

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
