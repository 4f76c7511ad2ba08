"""The error that is shown to people as a sentence."""

from __future__ import annotations


class InputError(ValueError):
    """A file, a setting or a word that was given cannot be used.

    The message says what happened, with which value, and what to do. Any other ValueError is a
    fault of the program.
    """
