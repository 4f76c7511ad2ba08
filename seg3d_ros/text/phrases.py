"""Parser of phrases about places: "the cup on the desk", "how many chairs are in the kitchen".

    phrase   = ["how many" | "number of" | "count"] thing {link}
    thing    = words, with or without "the", "all", "every" ... in front
    link     = ["and" | "but"] ["that is" | "standing" | ...] ["not"] place {link}
    place    = relation thing | "between" thing "and" thing
    relation = one of RELATION_WORDS | "within" number "m of"

A place belongs to the thing just before it, after "and" or "but" to the first thing. Words in
quotation marks are no relations, nor is a word that belongs to a verb ("something to put on the
table"). What does not fit is no phrase: its text is left to the text encoder.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace


class Relation(str, enum.Enum):
    """Relations between an object and what it is seen from, its anchors."""

    ON = "on"
    IN = "in"
    UNDER = "under"
    ABOVE = "above"
    NEAR = "near"
    BESIDE = "next to"
    BETWEEN = "between"
    NEAREST = "nearest"
    FARTHEST = "farthest"


ORDERS = (Relation.NEAREST, Relation.FARTHEST)  # those that one thing alone fulfils


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


RELATION_WORDS: dict[str, Relation] = {
    "on": Relation.ON,
    "on top of": Relation.ON,
    "upon": Relation.ON,
    "in": Relation.IN,
    "inside": Relation.IN,
    "inside of": Relation.IN,
    "under": Relation.UNDER,
    "underneath": Relation.UNDER,
    "beneath": Relation.UNDER,
    "below": Relation.UNDER,
    "above": Relation.ABOVE,
    "over": Relation.ABOVE,
    "near": Relation.NEAR,
    "near to": Relation.NEAR,
    "close to": Relation.NEAR,
    "by": Relation.NEAR,
    "at": Relation.NEAR,
    "next to": Relation.BESIDE,
    "beside": Relation.BESIDE,
    "between": Relation.BETWEEN,
    "nearest": Relation.NEAREST,
    "nearest to": Relation.NEAREST,
    "closest to": Relation.NEAREST,
    "farthest from": Relation.FARTHEST,
    "furthest from": Relation.FARTHEST,
    "farthest away from": Relation.FARTHEST,
    "furthest away from": Relation.FARTHEST,
}
_BY_LENGTH = sorted(
    ((tuple(words.split()), relation) for words, relation in RELATION_WORDS.items()),
    key=lambda entry: -len(entry[0]),
)
_MAX_WORDS = 40  # longer texts are descriptions
_FILLERS = _set(
    "is are was were there that which who standing lying sitting placed located hanging resting "
    "found stand stands lie lies sit sits hang hangs do you see i have"
)
_VERB_MARKS = _set("to can could may might should would will")
_JOINTS = frozenset(("and", "but"))
_DETERMINERS = _set(
    "the a an all any every each some these those this that my your our which what two both of "
    "three"
)
_ANYTHING = _set(
    "what thing things something anything everything object objects item items stuff one ones "
    "all which"
)
_QUESTION = re.compile(r"^(?:where(?:'s|\s+is|\s+are)|find|show(?:\s+me)?|list)\s+", re.IGNORECASE)
_COUNT = re.compile(r"^(?:how\s+many|(?:the\s+)?number\s+of|count)\s+", re.IGNORECASE)
_SUPERLATIVE = re.compile(
    r"^((?:the\s+)?)(nearest|closest|farthest|furthest)\s+(?!to\b|from\b|the\b)(.+?)\s+(to|from)\s+",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"\bwithin\s+(\d+(?:\.\d+)?)\s*(m|cm|metres?|meters?)\s+of\b", re.IGNORECASE)
_WITHIN_WORD = re.compile(r"within:(\d+(?:\.\d+)?)")
_SHORT_NOT = re.compile(r"\b(is|are)n['\u2019]t\b", re.IGNORECASE)
_TOKENS = re.compile(r'"[^"]*"|\u201c[^\u201d]*\u201d|[^\s,;?!]+')
_OBJECT_NUMBER = re.compile(r"(?:object\s+|#)(\d{1,10})", re.IGNORECASE)
_IRREGULAR = {
    "shelves": "shelf", "bookshelves": "bookshelf", "knives": "knife", "people": "person",
    "men": "man", "women": "woman", "children": "child", "mice": "mouse", "loaves": "loaf",
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """Something that a phrase speaks of.

    Attributes:
        words: for it, without determiners; empty: anything.
        places: that it must be in.
    """

    words: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Place:
    """Relation to one thing, to two for `BETWEEN` (one, if it stands for two objects).

    Attributes:
        relation: which.
        anchors: the things.
        negated: it must not hold.
        distance: of `NEAR`, metres; 0: the usual one.
    """

    relation: Relation
    anchors: tuple[Thing, ...]
    negated: bool = False
    distance: float = 0.0


@dataclass(frozen=True)
class Phrase:
    """Thing that is looked for, or counted."""

    thing: Thing
    counted: bool = False


@dataclass(frozen=True)
class _Link:
    """Relation words in a phrase.

    Attributes:
        start: first of its words, joint and fillers included.
        end: after its last one.
        place: without anchors.
        to_first: whether it belongs to the first thing of the phrase.
    """

    start: int
    end: int
    place: Place
    to_first: bool


def parse_phrase(text: str) -> Phrase | None:
    """Things and places that a text speaks of; None: it is another kind of text."""
    text = _SHORT_NOT.sub(r"\1 not", _QUESTION.sub("", text.strip()))
    counted = _COUNT.match(text) is not None
    text = _SUPERLATIVE.sub(_moved_superlative, _COUNT.sub("", text))
    tokens = _TOKENS.findall(_WITHIN.sub(_within_word, text).rstrip("."))
    if not tokens or len(tokens) > _MAX_WORDS:
        return None
    links = _links(tokens)
    if links is None or not (links or counted):
        return None
    head = tokens[: links[0].start] if links else tokens
    while head and head[-1].lower() in _FILLERS:
        head = head[:-1]
    return _assembled(head, tokens, links, counted) if head else None


def object_number(words: str) -> int | None:
    """Id that words such as "object 7" or "#7" name; None: they name none."""
    found = _OBJECT_NUMBER.fullmatch(words)
    return int(found[1]) if found else None


def singular_forms(words: str) -> list[str]:
    """The words as they are, and with their last one in forms that may be its singular."""
    *before, last = words.split(" ")
    forms = [last]
    if last.lower() in _IRREGULAR:
        forms.append(_IRREGULAR[last.lower()])
    if last.lower().endswith("ies"):
        forms.append(last[:-3] + "y")
    if last.lower().endswith("es"):
        forms.append(last[:-2])
    if last.lower().endswith("s"):
        forms.append(last[:-1])
    return [" ".join([*before, form]) for form in forms if form]


def _moved_superlative(found: re.Match[str]) -> str:
    """Put "nearest" behind its thing: "the nearest chair to" is "the chair nearest to"."""
    determiner, superlative, thing, preposition = found.groups()
    return f"{determiner}{thing} {superlative} {preposition} "


def _within_word(found: re.Match[str]) -> str:
    """Make one word of "within 50 cm of", with the distance in metres."""
    metres = float(found[1]) * (0.01 if found[2].lower() == "cm" else 1.0)
    return f"within:{metres:g}"


def _links(tokens: Sequence[str]) -> list[_Link] | None:
    """Relations with something behind them; None: a phrase of another kind."""
    words = [token.lower() for token in tokens]
    links: list[_Link] = []
    at = 0
    while at < len(words):
        found = _relation_at(words, at)
        if found is None or at + found[0] >= len(words):
            at += 1
            continue
        length, place = found
        start, negated, joined = _start_of(words, at, links[-1].end if links else 0)
        if _is_of_verb(words, start):
            at += length
            continue
        if links and start == links[-1].end:  # "on near the door": the first is of the thing
            links.pop()
            start, negated, joined = _start_of(words, at, links[-1].end if links else 0)
        place = replace(place, negated=negated)
        links.append(_Link(start, at + length, place, to_first=joined or not links))
        at += length
    if any(link.place.negated and link.place.relation in ORDERS for link in links):
        return None
    return links


def _relation_at(words: Sequence[str], at: int) -> tuple[int, Place] | None:
    """Number of words of the relation that begins at a word, and its place."""
    within = _WITHIN_WORD.fullmatch(words[at])
    if within:
        return 1, Place(Relation.NEAR, (), distance=float(within[1]))
    for relation_words, relation in _BY_LENGTH:
        if tuple(words[at : at + len(relation_words)]) == relation_words:
            return len(relation_words), Place(relation, ())
    return None


def _start_of(words: Sequence[str], at: int, first: int) -> tuple[int, bool, bool]:
    """First word of a link whose relation is `at`, whether it is negated, and joined by "and"."""
    start, negated = at, False
    while start > first and (words[start - 1] in _FILLERS or words[start - 1] == "not"):
        start -= 1
        negated |= words[start] == "not"
    joined = start > first and words[start - 1] in _JOINTS
    return start - joined, negated, joined


def _is_of_verb(words: Sequence[str], start: int) -> bool:
    """Whether a verb stands before a relation: "something to put on the table"."""
    return any(word in _VERB_MARKS for word in words[max(start - 2, 0) : start])


def _assembled(
    head: Sequence[str], tokens: Sequence[str], links: Sequence[_Link], counted: bool
) -> Phrase | None:
    """Phrase of its parts, from the last one to the first; None: an anchor has no words."""
    first_places: list[Place] = []
    pending: list[Place] = []  # of the thing before, last first
    ends = [*(link.start for link in links), len(tokens)][1:]
    for link, end in zip(reversed(links), reversed(ends), strict=True):
        anchors = _anchors(tokens[link.end : end], link.place.relation)
        if not all(anchor.words for anchor in anchors):
            return None
        *others, last = anchors
        place = replace(link.place, anchors=(*others, replace(last, places=tuple(pending))))
        pending = []
        if link.to_first:
            first_places.insert(0, place)
        else:
            pending = [place]
    return Phrase(Thing(_noun(head), tuple(first_places)), counted)


def _anchors(tokens: Sequence[str], relation: Relation) -> list[Thing]:
    lowered = [token.lower() for token in tokens]
    if relation is Relation.BETWEEN and "and" in lowered:
        middle = lowered.index("and")
        return [Thing(_noun(tokens[:middle])), Thing(_noun(tokens[middle + 1 :]))]
    return [Thing(_noun(tokens))]


def _noun(tokens: Sequence[str]) -> str:
    """Words without determiners; none for "everything" and the like."""
    words = list(tokens)
    while len(words) > 1 and words[0].lower() in _DETERMINERS:
        words = words[1:]
    if len(words) == 1 and words[0].lower() in _ANYTHING:
        return ""
    return " ".join(words)
