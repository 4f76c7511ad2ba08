"""Errors as people want them on a command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What a person can put right is said in one line; anything else keeps its traceback."""
    try:
        yield
    except (ValueError, OSError, ImportError, MemoryError) as error:
        raise click.ClickException(" ".join(str(error).split())) from error
