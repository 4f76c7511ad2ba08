"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

_TOKEN_BYTES = 4
_MAX_NAME = 200  # bytes of the target's name within the temporary one


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary file beside `path`, which takes its place if the block succeeds.

    Its content is on the disk before it gets the name: a crash leaves the older file or the new
    one. The writer holds a lock on the temporary file, so those of killed writers are known, and
    the next one removes them.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    temporary, descriptor = _create_beside(target)
    try:
        yield temporary
        os.fsync(descriptor)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, which takes its place if the block succeeds.

    An older folder of that name goes. The temporary one is hidden, its files are on the disk
    before it gets the name, and folders of killed writers go with the next one of the same name.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    temporary = target.with_name(_prefix(target) + secrets.token_hex(_TOKEN_BYTES))
    temporary.mkdir()
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(descriptor)


def _create_beside(target: Path) -> tuple[Path, int]:
    """A new locked file and its descriptor."""
    while True:
        temporary = target.with_name(_prefix(target) + secrets.token_hex(_TOKEN_BYTES))
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks: nothing is tidied there
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if temporary.exists():  # else another writer took it for a leftover before the lock
            return temporary, descriptor
        os.close(descriptor)


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files and folders of writers that were killed."""
    ours = re.compile(re.escape(_prefix(target)) + f"[0-9a-f]{{{2 * _TOKEN_BYTES}}}")
    leftovers: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        leftovers = [Path(e) for e in entries if ours.fullmatch(e.name) and not e.is_symlink()]
    for leftover in leftovers:
        with contextlib.suppress(OSError), _opened(leftover) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def _prefix(target: Path) -> str:
    """Beginning of the names of a target's temporary files; names have at most 255 bytes."""
    name = os.fsencode(target.name)[:_MAX_NAME]
    return f".{os.fsdecode(name)}."


def _sync(path: Path) -> None:
    """Let a file, or the new name in a folder, outlast a power cut, where the file system can."""
    with contextlib.suppress(OSError), _opened(path) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
