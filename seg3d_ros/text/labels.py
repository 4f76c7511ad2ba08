"""Typed text: normalisation and checks of words, parsing of labels with synonyms."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from seg3d_ros.errors import InputError

BACKGROUND = "background"  # shown name of everything that is marked with a minus
MAX_LABELS = 10_000
MAX_LENGTH = 200  # characters of a label, a template

_JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: letters of Persian, Indic scripts and emoji
# Other spaces (no-break, thin, ideographic) and invisible marks come along with copied text.
_SPACES = "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_INVISIBLE = "\u00ad\u200b\u200e\u200f\u2060\ufeff"
_REPLACED = str.maketrans(_SPACES, " " * len(_SPACES), _INVISIBLE)
_SEPARATORS = frozenset(",;\uff0c\uff1b\u3001\u060c\u061b")  # Latin, full-width, Arabic


class Label(NamedTuple):
    """Label of a vocabulary.

    Attributes:
        entry: text that was given, normalised, without doubled words.
        words: synonyms; the first one is shown.
        background: marked with a minus.
    """

    entry: str
    words: tuple[str, ...]
    background: bool


def check_text(text: str, what: str, *, max_length: int = MAX_LENGTH) -> str:
    """Normalise a text that was typed (NFC, plain spaces, stripped), or refuse it.

    Raises:
        InputError: it is empty, too long, or holds control characters; the message names `what`.
    """
    text = text.translate(_REPLACED).strip()
    if not text.strip(_JOINERS + " "):
        raise InputError(f"{what} is empty; give at least one character")
    if len(text) > max_length:  # before the normalisation, which is slow for absurd texts
        raise InputError(f"{what} has {len(text)} characters; {max_length} are allowed")
    if not text.translate(dict.fromkeys(map(ord, _JOINERS))).isprintable():
        raise InputError(f"{what} {text!r} holds control characters; remove them")
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Key that is equal for texts that differ only in case, composition or kind of spaces."""
    normal = unicodedata.normalize("NFC", text.translate(_REPLACED).strip())
    return unicodedata.normalize("NFC", normal.casefold())


def is_latin(text: str) -> bool:
    """Whether at least half of what a text is written with is Latin letters and digits.

    Spaces, punctuation and combining marks do not count, emoji and other symbols do.
    """
    counted = [char for char in text if unicodedata.category(char)[0] in "LNS"]
    names = (unicodedata.name(char, "") for char in counted if not char.isascii())
    foreign = sum(not name.startswith("LATIN ") for name in names)
    return 2 * foreign <= len(counted)


def holds_commas(entry: str) -> bool:
    """Whether a label looks like a list of several."""
    return not _SEPARATORS.isdisjoint(entry)


def parse_labels(labels: Sequence[str]) -> list[Label]:
    """Parse labels such as "sofa|couch|settee" and "-wall".

    Raises:
        InputError: a label is empty, too long, not printable or doubled, or there are too many.
    """
    if not labels:
        raise InputError("the vocabulary is empty; give at least one label")
    if len(labels) > MAX_LABELS:
        raise InputError(f"the vocabulary has {len(labels)} labels; {MAX_LABELS} are allowed")
    owners: dict[str, int] = {}
    parsed = []
    for number, entry in enumerate(labels, 1):
        label = _parse_label(entry, number)
        for word in label.words:
            other = owners.setdefault(fold(word), number)
            if other != number:
                raise InputError(f"{word!r} stands in labels {other} and {number}; remove one")
        parsed.append(label)
    return parsed


def _parse_label(entry: str, number: int) -> Label:
    entry = check_text(entry, f"label {number}")
    marked = entry.startswith("-")
    synonyms = entry.removeprefix("-").split("|")
    words = tuple(
        dict.fromkeys(check_text(word, f"a synonym of label {number}") for word in synonyms)
    )
    background = marked or words[0].casefold() == BACKGROUND
    return Label("-" * marked + "|".join(words), words, background)
