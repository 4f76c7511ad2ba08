"""Errors that several folders share."""

from __future__ import annotations


class InputError(ValueError):
    """Unusable file, setting or word from the user.

    The message says what happened, with which value, and what to do. Any other ValueError is a
    fault of the program.
    """


class DeviceLostError(RuntimeError):
    """GPU that takes no more work from this process; only a new process can use it again."""
