"""Errors on the command line: one sentence without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from seg3d_ros.errors import InputError


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print errors that the user can mend as one line; anything else keeps its traceback.

    Beside errors of the input these are files that cannot be read or written, packages that are
    missing, objects that are not known, text that nothing can be compared with, and too little
    memory.
    """
    try:
        yield
    except MemoryError as error:
        ours = type(error) is not MemoryError  # with a sentence of its own
        plain = "there is not enough memory; give a smaller scene or larger voxels"
        raise click.ClickException(_line(error) if ours else plain) from error
    except (InputError, OSError, ImportError) as error:
        raise click.ClickException(_line(error)) from error
    except (LookupError, RuntimeError) as error:
        # Here, since most commands answer no queries and need not load what does.
        from seg3d_ros.objects.ids import UnknownObjectError
        from seg3d_ros.objects.query import NoEmbeddingsError

        if isinstance(error, (UnknownObjectError, NoEmbeddingsError)):
            raise click.ClickException(_line(error)) from error
        raise


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
