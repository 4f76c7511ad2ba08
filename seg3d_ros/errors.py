"""Error of wrong input, shown to the user as a sentence."""

from __future__ import annotations


class InputError(ValueError):
    """Unusable file, setting or word from the user.

    The message says what happened, with which value, and what to do. Any other ValueError is a
    fault of the program.
    """
