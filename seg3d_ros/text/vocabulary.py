"""Vocabulary: the words objects are named with, embedded once, compared by cosine.

A label's vector is the ensemble of all its texts: every synonym in every prompt template.

A label with a minus in front, "-wall", is background: a surface that segmenters find but nobody
wants named. Background labels compete like all others, so that a piece of wall does not become
the picture that it resembles a little; together they are one shown label, "background", whose
probability is the sum of theirs.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import TextEncoder
from seg3d_ros.text.ensemble import all_texts, embed_ensembles

BACKGROUND = "background"  # shown name of everything that is marked with a minus
MAX_LABELS = 10_000
MAX_TEXTS = 200_000  # labels x synonyms x templates: some minutes of encoding
MAX_LENGTH = 200  # characters of a label, a template
MAX_CANDIDATES = 5
_REMEMBERED_QUERIES = 256
_ENCODED_AT_ONCE = 64  # labels; a step of the progress bar
_PROGRESS_FROM = 128  # labels to encode; fewer take no time worth a bar


class Candidate(NamedTuple):
    """A label that may fit an object, and the probability that it does, in [0, 1]."""

    label: str
    probability: float


def check_text(text: str, what: str, *, max_length: int = MAX_LENGTH) -> str:
    """Strip a text that somebody typed and refuse what cannot be one.

    Raises:
        ValueError: it is empty, too long, or holds control characters; the message names `what`.
    """
    text = text.strip()
    if not text:
        raise InputError(f"{what} is empty; give at least one character")
    if len(text) > max_length:
        raise InputError(f"{what} has {len(text)} characters; {max_length} are allowed")
    if not text.isprintable():
        raise InputError(f"{what} {text!r} holds control characters; remove them")
    return text


class Vocabulary:
    """Labels and their embeddings; nothing changes after construction, so threads may share it.

    Attributes:
        labels: the shown names; "background" comes last if any label is.
        entries: the labels as they were given, synonyms joined by "|".
        templates: sentences around each word, "{}" stands for it.
        version: of whoever numbers vocabularies.
        encoder: text encoder whose space the embeddings live in, or None.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        templates: Sequence[str] = (),
        encoder: TextEncoder | None = None,
        cache: EmbeddingCache | None = None,
        version: int = 1,
    ) -> None:
        """Check the labels and embed those that the cache doesn't know.

        Args:
            labels: 1 to 10000; "sofa|couch|settee" is one label with three texts, shown as sofa;
                "-wall" is background, and so is "background" itself.
            templates: sentences with one "{}"; empty: those that suit the encoder.
            encoder: None for a vocabulary that cannot classify, only be listed.
            cache: where embeddings are remembered; None: nowhere.
            version: number that goes with published labels.

        Raises:
            ValueError: a label or template is empty, too long, doubled or not printable.
        """
        parsed = _parse_labels(labels)
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
        self._embeddings = self._embed_labels(things + background, cache) if encoder else None
        self._queries: OrderedDict[str, Float32] = OrderedDict()
        self._queries_lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def embeddings(self) -> Float32:
        """(L, D) unit vectors of the entries in their order, those of background last.

        Raises:
            ValueError: the vocabulary has no encoder.
        """
        if self._embeddings is None:
            raise InputError("this vocabulary has no text encoder; it has no embeddings")
        return self._embeddings

    def can_classify(self, embeddings_dimension: int) -> bool:
        """Whether embeddings of this length can be compared with the labels."""
        return self.encoder is not None and self.encoder.dimension == embeddings_dimension

    def classify(self, embeddings: Float32) -> list[tuple[Candidate, ...]]:
        """Rank the labels for each of (M, D) unit vectors.

        Returns:
            For each vector its best labels, at most 5, best first. Probabilities are the softmax
            over all labels of cosine / temperature of the text space; those of background labels
            are added up.

        Raises:
            ValueError: the vocabulary has no encoder, or D is not the encoder's dimension.
        """
        if self.encoder is None or self._embeddings is None:
            raise InputError("this vocabulary has no text encoder; it cannot classify")
        if embeddings.ndim != 2 or embeddings.shape[1] != self.encoder.dimension:
            raise InputError(
                f"embeddings have shape {embeddings.shape}, the text encoder "
                f"{self.encoder.name} gives {self.encoder.dimension} numbers each"
            )
        logits = embeddings @ self._embeddings.T  # (M, L)
        logits /= self.encoder.temperature
        logits -= logits.max(axis=1, keepdims=True)
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
            ValueError: the vocabulary has no encoder.
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
        self, synonyms: list[tuple[str, ...]], cache: EmbeddingCache | None
    ) -> Float32:
        """(L, D) unit vectors; only labels that the cache lacks are encoded."""
        if self.encoder is None:
            raise InputError("this vocabulary has no text encoder; it cannot embed labels")
        space, dimension = self.encoder.name, self.encoder.dimension
        # The vector of a label depends on all its texts, so all of them are the cache's key.
        texts = [all_texts(words, self.templates) for words in synonyms]
        keys = [json.dumps(group) for group in texts]
        known = cache.get(space, dimension, keys) if cache else {}
        missing = [i for i, key in enumerate(keys) if key not in known]
        try:
            for rows in _in_steps(missing):
                vectors = embed_ensembles(self.encoder, [texts[i] for i in rows])
                known.update(zip((keys[i] for i in rows), vectors, strict=True))
        finally:  # whoever interrupts a long vocabulary finds his place again
            new = {keys[i]: known[keys[i]] for i in missing if keys[i] in known}
            if cache and new:
                cache.put(space, dimension, new)
        embeddings = np.stack([known[key] for key in keys])
        embeddings.setflags(write=False)
        return embeddings


class _Label(NamedTuple):
    entry: str  # as it was given, without needless spaces and doubled words
    words: tuple[str, ...]
    background: bool


def _in_steps(rows: list[int]) -> Iterator[list[int]]:
    """Cut the rows into steps; a bar shows on a terminal how many are done."""
    hidden = None if len(rows) >= _PROGRESS_FROM else True  # None: unless this is a terminal
    with tqdm(total=len(rows), desc="embedding", unit="label", disable=hidden) as progress:
        for start in range(0, len(rows), _ENCODED_AT_ONCE):
            step = rows[start : start + _ENCODED_AT_ONCE]
            yield step
            progress.update(len(step))


def _parse_labels(labels: Sequence[str]) -> list[_Label]:
    if not labels:
        raise InputError("the vocabulary is empty; give at least one label")
    if len(labels) > MAX_LABELS:
        raise InputError(f"the vocabulary has {len(labels)} labels; {MAX_LABELS} are allowed")
    owners: dict[str, int] = {}
    parsed = []
    for number, entry in enumerate(labels, 1):
        label = _parse_label(entry, number)
        for word in label.words:
            other = owners.setdefault(word.casefold(), number)
            if other != number:
                raise InputError(f"{word!r} stands in labels {other} and {number}; remove one")
        parsed.append(label)
    return parsed


def _parse_label(entry: str, number: int) -> _Label:
    entry = check_text(entry, f"label {number}")
    marked = entry.startswith("-")
    synonyms = entry.removeprefix("-").split("|")
    words = tuple(
        dict.fromkeys(check_text(word, f"a synonym of label {number}") for word in synonyms)
    )
    background = marked or words[0].casefold() == BACKGROUND
    return _Label("-" * marked + "|".join(words), words, background)


def _parse_templates(templates: Sequence[str]) -> tuple[str, ...]:
    for number, template in enumerate(templates, 1):
        check_text(template, f"prompt template {number}")
        if template.count("{}") != 1:
            raise InputError(
                f"prompt template {number} {template!r} has {template.count('{}')} places for "
                'the word; write "{}" exactly once'
            )
    return tuple(dict.fromkeys(templates))
