"""Words that witnesses of an object know, and what these say of the words in force.

A classifier of images speaks of its classes, a table of sizes of its rows. Neither knows the
vocabulary that a user chooses; the text encoder tells how near its words are to theirs.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

import numpy as np

from seg3d_ros.scene import Float32, Float64, Int64
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import TextEncoder
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

IMAGENET_SPACE = "imagenet-1k"  # of vectors that hold a share of each class
COCO_SPACE = "coco"  # the same, and the share of nothing that the detector knows
# Length of the vectors of each space, and the file with the words of its classes.
CLASSIFIERS: Mapping[str, tuple[int, str]] = {
    IMAGENET_SPACE: (1000, "imagenet_classes.txt"),
    COCO_SPACE: (91, "coco_classes.txt"),
}
# After the name of a text space: its image tower's vectors, which are kept apart from a model's.
OF_PICTURES = " of pictures"
STRUCTURE = ("floor", "wall", "ceiling")
_COMMON = "scannet200"  # vocabulary in the order of how often its things stand in real rooms
_ANYTHING = "*"  # in place of the words of a class
_SAME_WORD = 0.8  # cosine of two words for one thing
_UNLIKE_ALL = 0.45  # cosine from which on a word tells of another one's size
_RARE_FROM = 20  # places in the order that differ little


@dataclass(frozen=True, eq=False)
class ClassKnowledge:
    """Labels of the classes of a classifier.

    Attributes:
        classes: (C,) those that count.
        shares: (C, L) probability of each label, given the class.
    """

    classes: Int64
    shares: Float32


@dataclass(frozen=True, eq=False)
class LabelKnowledge:
    """Knowledge about L labels.

    Attributes:
        pictures: labels of the classes of each of `CLASSIFIERS`.
        size_shares: (R + 1, L) probability that a row of the table of sizes is right for the
            label; of the last one, that none is.
        commonness: (L,) log of how often such things stand in rooms, up to a constant.
        structure: label of the words of STRUCTURE, -1 where there is none.
    """

    pictures: Mapping[str, ClassKnowledge]
    size_shares: Float32
    commonness: Float32
    structure: tuple[int, ...]


class KnownWords:
    """Words of all witnesses, embedded at first use; threads may share it.

    Args:
        encoder: text encoder of the vocabularies.
        memory: where embeddings are remembered; None: nowhere.
    """

    def __init__(self, encoder: TextEncoder, memory: EmbeddingCache | None = None) -> None:
        self._encoder = encoder
        self._memory = memory

    def about(self, labels: Sequence[Sequence[str]]) -> LabelKnowledge:
        """Knowledge about labels, each of which is a list of synonyms.

        A word is compared with each synonym: the mean of all of them is like none of them.
        """
        temperature = self._encoder.temperature
        synonyms = self._embed([word for words in labels for word in words])
        of_label = _starts(labels)

        def likeness(words: Float32) -> Float32:
            """Cosines (N, L) of N words and the nearest synonym of each label."""
            cosines: Float32 = np.maximum.reduceat(words @ synonyms.T, of_label, axis=1)
            return cosines

        def shares(space: str) -> ClassKnowledge:
            """Labels of the classes of a space; one that may be anything tells of none."""
            words = class_words(space)
            known = self._embed([word for named in words.values() for word in named])
            near = np.maximum.reduceat(likeness(known), _starts(tuple(words.values())), axis=0)
            near[[named == (_ANYTHING,) for named in words.values()]] = 0
            classes = np.array(list(words), np.int64)
            return ClassKnowledge(classes, _softmax(near / temperature, axis=1))

        like = np.concatenate([likeness(self._size_words), np.full((1, len(labels)), _UNLIKE_ALL)])
        return LabelKnowledge(
            {space: shares(space) for space in CLASSIFIERS},
            _softmax(like / temperature, axis=0),
            _commonness(likeness(self._common_words)),
            tuple(_same(row) for row in likeness(self._structure_words)),
        )

    @cached_property
    def _size_words(self) -> Float32:
        return self._embed([row.name for row in typical_sizes()])

    @cached_property
    def _common_words(self) -> Float32:
        return self._embed([word.removeprefix("-") for word in load_vocabulary_file(_COMMON)])

    @cached_property
    def _structure_words(self) -> Float32:
        return self._embed(STRUCTURE)

    def _embed(self, words: Sequence[str]) -> Float32:
        """(N, D) unit vectors of the bare words."""
        name, dimension = f"{self._encoder.name} bare", self._encoder.dimension
        distinct = list(dict.fromkeys(words))
        known = self._memory.get(name, dimension, distinct) if self._memory else {}
        missing = [word for word in distinct if word not in known]
        if missing:
            new = dict(zip(missing, self._encoder.encode(missing), strict=True))
            known |= new
            if self._memory:
                self._memory.put(name, dimension, new)
        return np.stack([known[word] for word in words])


@dataclass(frozen=True)
class TypicalSize:
    """Size of a thing, metres.

    Attributes:
        name: the thing.
        extents: length, width (the smaller one) and height of its box.
        bottom: lowest and highest place of its lower side above the floor.
    """

    name: str
    extents: tuple[float, float, float]
    bottom: tuple[float, float]


@cache
def typical_sizes() -> tuple[TypicalSize, ...]:
    """Rows of the table of sizes."""
    return tuple(
        TypicalSize(
            row["name"],
            (float(row["length"]), float(row["width"]), float(row["height"])),
            (float(row["lowest"]), float(row["highest"])),
        )
        for row in csv.DictReader(_lines("sizes.tsv"), delimiter="\t")
    )


@cache
def class_words(space: str) -> dict[int, tuple[str, ...]]:
    """Words of each class of one of `CLASSIFIERS` that stands in homes and offices."""
    found: dict[int, tuple[str, ...]] = {}
    for line in _lines(CLASSIFIERS[space][1]):
        numbers, _, words = line.partition(" ")
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            found[number] = tuple(words.split("|"))
    return found


def _starts(groups: Sequence[Sequence[str]]) -> Int64:
    """Place of the first word of each group when all lie end to end."""
    return np.cumsum([0, *(len(words) for words in groups[:-1])])


def _lines(file: str) -> Iterator[str]:
    text = (resources.files("seg3d_ros.text") / file).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))


def _commonness(cosines: Float32) -> Float32:
    """Log of one over the place in the order of things; (K, L) cosines in that order."""
    place = np.where(cosines.max(axis=0) > _SAME_WORD, cosines.argmax(axis=0), len(cosines))
    return -np.log(place + _RARE_FROM).astype(np.float32)


def _same(cosines: Float32) -> int:
    best = int(cosines.argmax())
    return best if cosines[best] > _SAME_WORD else -1


def _softmax(logits: Float32 | Float64, axis: int) -> Float32:
    weights = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return (weights / weights.sum(axis=axis, keepdims=True)).astype(np.float32)
