"""Folder of compiled kernels, shared by all clones of the same sources.

numba keeps compiled code beside each source file and checks that file alone. A kernel that was
changed in another file, or a class that was renamed there, leaves code that is stale or cannot be
read, and every new clone compiles. Here the content of all files with kernels is the
key, and the code lies in the user's cache folder; numba itself tells machines apart.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import time
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent
_IMPORT = b"from seg3d_ros.kernels import"
_UNUSED_S = 30 * 86400.0  # code of other sources is removed when it is older


@functools.cache
def kernel_folder() -> Path:
    """Folder of the code compiled from these sources; made if it is missing.

    Raises:
        OSError: it cannot be made.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "seg3d_ros" / "kernels" / kernel_digest()
    if not folder.is_dir():
        _remove_unused(folder.parent)
        folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    return folder


@functools.cache
def kernel_digest() -> str:
    """Digest of all files with kernels."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        source = file.read_bytes()
        if _IMPORT in source:
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + source)
    return digest.hexdigest()[:16]


def are_compiled() -> bool:
    """Whether a warm-up with these sources has come to its end on this machine."""
    try:
        return _mark().exists()
    except OSError:
        return False


def note_compiled() -> None:
    """Remember that a warm-up has come to its end; where nothing can be written, do nothing."""
    try:
        _mark().touch()
    except OSError:
        return


def _mark() -> Path:
    """File of this machine: a home folder may be shared by machines of several kinds."""
    what = f"{platform.node()}-python{platform.python_version()}-numba{version('numba')}"
    return kernel_folder() / f"compiled-{what}"


def _remove_unused(folder: Path) -> None:
    for old in folder.glob("*"):
        if time.time() - old.stat().st_mtime > _UNUSED_S:
            shutil.rmtree(old, ignore_errors=True)
