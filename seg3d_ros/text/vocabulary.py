"""Vocabulary: the words objects are named with, embedded once, compared by cosine.

A label's vector is the ensemble of all its texts: every synonym in every prompt template.

A label with a minus in front, "-wall", is background: a surface that segmenters find but nobody
wants named. Background labels compete like all others, so that a piece of wall does not become
the picture that it resembles a little; together they are one shown label, "background", whose
probability is the sum of theirs.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import TextEncoder
from seg3d_ros.text.ensemble import all_texts, embed_ensembles
from seg3d_ros.text.known_words import KnownWords
from seg3d_ros.text.labels import (
    BACKGROUND,
    Label,
    check_text,
    fold,
    holds_commas,
    is_latin,
    parse_labels,
)
from seg3d_ros.text.student import cache_name

logger = logging.getLogger(__name__)

MAX_TEXTS = 200_000  # labels x synonyms x templates: some minutes of encoding
MAX_CANDIDATES = 5
_REMEMBERED_QUERIES = 256
_ENCODED_AT_ONCE = 64  # labels; a step of the progress bar
_PROGRESS_FROM = 128  # labels to encode; fewer take no time worth a bar


class Candidate(NamedTuple):
    """A label that may fit an object, and the probability that it does, in [0, 1]."""

    label: str
    probability: float


class Vocabulary:
    """Labels and their embeddings; nothing changes after construction, so threads may share it.

    Attributes:
        labels: the shown names; "background" comes last if any label is.
        entries: the labels as they were given, synonyms joined by "|".
        templates: sentences around each word, "{}" stands for it.
        version: of whoever numbers vocabularies.
        encoder: text encoder whose space the embeddings live in, or None.
        warnings: sentences about labels that are probably a mistake; they are logged as well.
        knowledge: about the entries in their order; None: only the model tells of objects.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        templates: Sequence[str] = (),
        encoder: TextEncoder | None = None,
        cache: EmbeddingCache | None = None,
        version: int = 1,
        known_words: KnownWords | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Check the labels and embed those that the cache doesn't know.

        Args:
            labels: 1 to 10000; "sofa|couch|settee" is one label with three texts, shown as sofa;
                "-wall" is background, and so is "background" itself.
            templates: sentences with one "{}"; empty: those that suit the encoder.
            encoder: None for a vocabulary that cannot classify, only be listed.
            cache: where embeddings are remembered; None: nowhere.
            version: number that goes with published labels.
            known_words: what witnesses of other words than the model's tell of the labels.
            between: called between the steps of a long embedding, for work that cannot wait.

        Raises:
            InputError: a label or template is empty, too long, doubled or not printable.
        """
        parsed = parse_labels(labels)
        suited = encoder.templates if encoder else ("{}",)
        self.templates = _parse_templates(templates or suited)
        texts = sum(len(label.words) for label in parsed) * len(self.templates)
        if texts > MAX_TEXTS:
            raise InputError(
                f"the vocabulary makes {texts} texts of all synonyms and templates; "
                f"{MAX_TEXTS} are allowed: give fewer of them"
            )
        things = [label.words for label in parsed if not label.background]
        background = [label.words for label in parsed if label.background]
        if not things:
            raise InputError("all labels are background; give at least one without a minus")
        self.labels = tuple(words[0] for words in things) + (BACKGROUND,) * bool(background)
        self.entries = tuple(label.entry for label in parsed)
        self.version = version
        self.encoder = encoder
        self.warnings = _warnings(parsed, encoder)
        for warning in self.warnings:
            logger.warning("%s", warning)
        self._by_word = {fold(word): label for label in parsed for word in label.words}
        self._embeddings = (
            self._embed_labels(things + background, cache, between) if encoder else None
        )
        self.knowledge = (
            known_words.about(things + background) if known_words and encoder else None
        )
        self._queries: OrderedDict[str, Float32] = OrderedDict()
        self._queries_lock = threading.Lock()

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """First row of `embeddings` of each label."""
        return {label: row for row, label in reversed(list(enumerate(self.labels)))}

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def embeddings(self) -> Float32:
        """(L, D) unit vectors of the entries in their order, those of background last.

        Raises:
            InputError: the vocabulary has no encoder.
        """
        if self._embeddings is None:
            raise InputError("this vocabulary has no text encoder; it has no embeddings")
        return self._embeddings

    def find(self, word: str) -> Label | None:
        """The label that has this word as a synonym, its case ignored; None: no label has.

        A whole entry, "sofa|couch", is found as well.
        """
        return self._by_word.get(fold(word.removeprefix("-").split("|")[0]))

    def can_classify(self, space: str) -> bool:
        """Whether embeddings of the space of this name can be compared with the labels."""
        return self.encoder is not None and self.encoder.name == space

    def classify(self, embeddings: Float32) -> list[tuple[Candidate, ...]]:
        """Rank the labels for each of (M, D) unit vectors.

        Returns:
            For each vector its best labels, at most 5, best first. Probabilities are the softmax
            over all labels of cosine / temperature of the text space; those of background labels
            are added up.

        Raises:
            InputError: the vocabulary has no encoder, or D is not the encoder's dimension.
        """
        return self.rank(self.logits(embeddings))

    def logits(self, embeddings: Float32) -> Float32:
        """Cosine over temperature (M, L) of (M, D) vectors and entries; see `classify`."""
        if self.encoder is None or self._embeddings is None:
            raise InputError("this vocabulary has no text encoder; it cannot classify")
        if embeddings.ndim != 2 or embeddings.shape[1] != self.encoder.dimension:
            raise InputError(
                f"embeddings have shape {embeddings.shape}, the text encoder "
                f"{self.encoder.name} gives {self.encoder.dimension} numbers each"
            )
        return embeddings @ self._embeddings.T / np.float32(self.encoder.temperature)

    def rank(self, logits: Float32) -> list[tuple[Candidate, ...]]:
        """Best labels, at most 5, for each row of (M, L) logits of the entries; see `classify`."""
        logits = logits - logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        totals = logits.sum(axis=1, keepdims=True)
        last = len(self) - 1  # the only thing or background row, or the first of several
        logits[:, last] = logits[:, last:].sum(axis=1)
        logits = logits[:, : len(self)]

        count = min(MAX_CANDIDATES, len(self))
        best = np.argpartition(logits, len(self) - count, axis=1)[:, -count:]
        weights = np.take_along_axis(logits, best, axis=1)
        order = np.argsort(-weights, axis=1, kind="stable")
        rows = np.take_along_axis(best, order, axis=1).tolist()
        shares = (np.take_along_axis(weights, order, axis=1) / totals).tolist()
        return [
            tuple(map(Candidate, [self.labels[i] for i in row], share))
            for row, share in zip(rows, shares, strict=True)
        ]

    def embed_text(self, text: str) -> Float32:
        """Embed a free phrase into a (D,) unit vector; recent ones are remembered.

        Raises:
            InputError: the vocabulary has no encoder.
        """
        if self.encoder is None:
            raise InputError("this vocabulary has no text encoder; it cannot embed text")
        with self._queries_lock:
            if text in self._queries:
                self._queries.move_to_end(text)
                return self._queries[text]
        vector: Float32 = self.encoder.encode([text])[0]
        with self._queries_lock:
            self._queries[text] = vector
            if len(self._queries) > _REMEMBERED_QUERIES:
                self._queries.popitem(last=False)
        return vector

    def _embed_labels(
        self,
        synonyms: list[tuple[str, ...]],
        cache: EmbeddingCache | None,
        between: Callable[[], None],
    ) -> Float32:
        """(L, D) unit vectors; only labels that the cache lacks are encoded."""
        if self.encoder is None:
            raise InputError("this vocabulary has no text encoder; it cannot embed labels")
        space, dimension = cache_name(self.encoder), self.encoder.dimension
        # The vector of a label depends on all its texts, so all of them are the cache's key.
        texts = [all_texts(words, self.templates) for words in synonyms]
        keys = [json.dumps(group) for group in texts]
        known = cache.get(space, dimension, keys) if cache else {}
        missing = [i for i, key in enumerate(keys) if key not in known]
        try:
            for rows in _in_steps(missing):
                vectors = embed_ensembles(self.encoder, [texts[i] for i in rows])
                known.update(zip((keys[i] for i in rows), vectors, strict=True))
                between()
        finally:  # whoever interrupts a long vocabulary finds his place again
            new = {keys[i]: known[keys[i]] for i in missing if keys[i] in known}
            if cache and new:
                cache.put(space, dimension, new)
        embeddings = np.stack([known[key] for key in keys])
        embeddings.setflags(write=False)
        return embeddings


def _in_steps(rows: list[int]) -> Iterator[list[int]]:
    """Cut the rows into steps; a bar shows on a terminal how many are done."""
    hidden = None if len(rows) >= _PROGRESS_FROM else True  # None: unless this is a terminal
    with tqdm(total=len(rows), desc="embedding", unit="label", disable=hidden) as progress:
        for start in range(0, len(rows), _ENCODED_AT_ONCE):
            step = rows[start : start + _ENCODED_AT_ONCE]
            yield step
            progress.update(len(step))


def _warnings(labels: Sequence[Label], encoder: TextEncoder | None) -> tuple[str, ...]:
    warnings = []
    listed = [label.entry for label in labels if holds_commas(label.entry)]
    if listed:
        warnings.append(f"label {listed[0]!r} holds commas; one label a word?")
    if encoder is not None and encoder.latin_only:
        foreign = [label.entry for label in labels if not all(map(is_latin, label.words))]
        if foreign:
            warnings.append(
                f"{len(foreign)} of {len(labels)} labels, such as {foreign[0]!r}, are in a script "
                f"that {encoder.name} does not know: what they name is chance; use English words"
            )
    return tuple(warnings)


def _parse_templates(templates: Sequence[str]) -> tuple[str, ...]:
    for number, template in enumerate(templates, 1):
        check_text(template, f"prompt template {number}")
        if template.count("{}") != 1:
            raise InputError(
                f"prompt template {number} {template!r} has {template.count('{}')} places for "
                'the word; write "{}" exactly once'
            )
    return tuple(dict.fromkeys(templates))
