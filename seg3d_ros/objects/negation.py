"""Negations in free text, which embeddings of sentences do not express."""

from __future__ import annotations

import re

from seg3d_ros.errors import InputError

# "no 5" and "no. 5" are numbers; what stands on a thing ("do not enter") is given in quotes.
_NEGATION = re.compile(
    r"""\b(?:not|cannot|never|neither|nor|except|excepting|excluding|excludes?
        |other\ than|apart\ from|aside\ from|rather\ than|instead\ of)\b
      | \w+n['\u2019]t\b
      | ^no\b(?!\.|\s*\d)
      | \b(?:all|any\w*|every\w*)(?:\s+\w+)?\s+but\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r'"[^"]*"|\u201c[^\u201d]*\u201d')


def refuse_negation(text: str) -> None:
    """Refuse a description of what is not meant.

    The embedding of "not a chair" lies next to that of "a chair", so that an answer would hold
    exactly what was excluded.

    Raises:
        InputError: the text holds a negation outside of quotation marks; the message names it.
    """
    found = _NEGATION.search(_QUOTED.sub(" ", text).strip())
    if found:
        raise InputError(
            f"text {text!r} holds {found.group()!r}, and a negation is not understood: describe "
            "what you look for and leave out by label what you do not want; words that stand on "
            "an object go in quotation marks"
        )
