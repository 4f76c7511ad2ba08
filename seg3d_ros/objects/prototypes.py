"""Prototypes: kinds of objects, each learnt from those that a person gave one name.

A prototype is the mean embedding of its examples in each space that they share, as prototypical
networks have it (Snell et al., 2017), and their mean size. The likeness of an object is counted
from that of a usual other object, 0, to that of the examples among themselves, 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Float32, Float64
from seg3d_ros.text.labels import fold
from seg3d_ros.text.vocabulary import MAX_CANDIDATES, Candidate

LEAST_EXAMPLES = 3
_EVEN_LIKENESS, _STEEPNESS = 0.6, 8.0  # of the probability to be of a kind
_LEAST_SPREAD = 0.1  # of cosines between the examples and others; fewer tell nothing
_NO_OTHERS = 0.5  # by which the examples are more alike than others, where there are no others
_BLUR_M = 0.04  # edges of voxels and rims of masks
_SIZE_SPREAD = 0.35  # of log extents; twice as large takes off as much as another look
# Most that a label by text counts: the right word may be none of those in force.
_SUREST_TEXT = 0.8
_LEAST_SHOWN = 0.02  # probability of a candidate


@dataclass(frozen=True, eq=False)
class Kind:
    """Look of the examples of a prototype in one space.

    Attributes:
        vector: (D,) float32 unit vector, mean of the examples.
        likeness: mean cosine between an example and the mean of the others.
    """

    vector: Float32
    likeness: float


@dataclass(frozen=True, eq=False)
class Prototype:
    """Kind of objects with a name.

    Attributes:
        name: that a person gave to the examples.
        kinds: by space; not empty.
        log_extents: (3,) mean of the logarithms of the extents of their boxes, blurred, metres.
        examples: number of objects that it was learnt from.
    """

    name: str
    kinds: Mapping[str, Kind]
    log_extents: Float64
    examples: int


def learn(name: str, examples: Sequence[MapObject]) -> Prototype | None:
    """Prototype of some objects; None: they are too few, or share no space."""
    if len(examples) < LEAST_EXAMPLES:
        return None
    shared = set.intersection(*(set(known.embeddings) for known in examples))
    kinds = {}
    for space in sorted(shared):
        vectors = [known.embeddings[space].vector for known in examples]
        if len({len(vector) for vector in vectors}) == 1:
            kinds[space] = _kind(np.stack(vectors))
    if not kinds:
        return None
    log_extents: Float64 = np.mean([_log_extents(known) for known in examples], axis=0)
    return Prototype(name, kinds, log_extents, len(examples))


def learn_named(objects: Iterable[MapObject], forgotten: Iterable[str]) -> list[Prototype]:
    """Prototypes of all names that a person gave to enough objects.

    Args:
        objects: known ones.
        forgotten: folded names that are not learnt.
    """
    named: dict[str, list[MapObject]] = {}
    for known in objects:
        if known.pinned_label is not None and not known.deleted:
            named.setdefault(fold(known.pinned_label), []).append(known)
    left = set(forgotten)
    found = (
        learn(str(examples[0].pinned_label), examples)
        for name, examples in sorted(named.items())
        if name not in left
    )
    return [prototype for prototype in found if prototype is not None]


def likenesses(prototype: Prototype, objects: Sequence[MapObject]) -> Float64:
    """(M,) likeness of objects to a prototype: 1 as the examples, 0 as usual others, NaN unknown.

    What has the name already, or a name of its own, is no usual other for the purpose. A space
    in which the examples look like all others tells nothing where another one tells something.
    """
    return _likenesses(prototype, _Looks(objects))


class _Looks:
    """Embeddings and sizes of M objects as arrays.

    Attributes:
        unnamed: (M,) whether an object has no name by hand.
        log_extents: (M, 3) logarithms of the extents of their boxes, blurred, metres.
    """

    def __init__(self, objects: Sequence[MapObject]) -> None:
        self.unnamed = np.array([known.pinned_label is None for known in objects], bool)
        self.log_extents = np.array([_log_extents(known) for known in objects]).reshape(-1, 3)
        self._objects = objects
        self._vectors: dict[tuple[str, int], Float32] = {}

    def vectors(self, space: str, dimension: int) -> Float32:
        """(M, D) embeddings of a space; NaN for objects without one of this length."""
        key = space, dimension
        if key not in self._vectors:
            found = np.full((len(self._objects), dimension), np.nan, np.float32)
            for row, known in enumerate(self._objects):
                embedding = known.embeddings.get(space)
                if embedding is not None and len(embedding.vector) == dimension:
                    found[row] = embedding.vector
            self._vectors[key] = found
        return self._vectors[key]


def _likenesses(prototype: Prototype, objects: _Looks) -> Float64:
    columns, spreads = [], []
    for space, kind in prototype.kinds.items():
        cosines = (objects.vectors(space, len(kind.vector)) @ kind.vector).astype(np.float64)
        usual = cosines[objects.unnamed & np.isfinite(cosines)]
        base = float(np.median(usual)) if len(usual) > LEAST_EXAMPLES else -np.inf
        base = max(base, kind.likeness - _NO_OTHERS)
        spreads.append(kind.likeness - base)
        columns.append((cosines - base) / max(spreads[-1], _LEAST_SPREAD))
    telling = np.array(spreads) >= min(_LEAST_SPREAD, max(spreads))
    looks = np.array(columns)[telling]
    seen = np.isfinite(looks)
    count = seen.sum(axis=0)
    mean = np.where(seen, looks, 0).sum(axis=0) / np.maximum(count, 1)
    apart = np.abs(objects.log_extents - prototype.log_extents).max(axis=1, initial=0)
    return np.where(count > 0, mean - (apart / (2 * _SIZE_SPREAD)) ** 2, np.nan)


def with_prototypes(
    ranked: Sequence[tuple[Candidate, ...]],
    objects: Sequence[MapObject],
    prototypes: Sequence[Prototype],
    population: Sequence[MapObject],
) -> list[tuple[Candidate, ...]]:
    """Candidates of objects with the names of prototypes among them.

    Two opinions are multiplied: that of the prototype, and that of the text, which gives its best
    label some probability and all else, the prototype's name included, the rest.

    Args:
        ranked: of M objects by text, best first; empty where nothing is known.
        objects: these M.
        prototypes: learnt ones.
        population: all known objects, which tell what is usual.
    """
    combined = list(ranked)
    rows = {known.id: row for row, known in enumerate(population)}
    looks = _Looks(population)
    for prototype in prototypes:
        likeness = _likenesses(prototype, looks)
        for row, known in enumerate(objects):
            if known.id in rows and np.isfinite(likeness[rows[known.id]]):
                combined[row] = _joined(combined[row], prototype.name, likeness[rows[known.id]])
    return combined


def _joined(
    candidates: tuple[Candidate, ...], name: str, likeness: float
) -> tuple[Candidate, ...]:
    alike = 1 / (1 + np.exp(-_STEEPNESS * (likeness - _EVEN_LIKENESS)))
    by_text = {fold(candidate.label): candidate.probability for candidate in candidates}
    best = min(candidates[0].probability, _SUREST_TEXT) if candidates else 0.5
    allowed = max(1 - best, by_text.get(fold(name), 0.0))
    share = alike * allowed
    probability = float(share / max(share + (1 - alike) * (1 - allowed), 1e-12))
    if probability < (_LEAST_SHOWN if candidates else 0.5):
        return candidates
    others = [
        Candidate(candidate.label, candidate.probability * (1 - probability))
        for candidate in candidates
        if fold(candidate.label) != fold(name)
    ]
    ordered = sorted([Candidate(name, probability), *others], key=lambda one: -one.probability)
    return tuple(ordered[:MAX_CANDIDATES])


def _kind(vectors: Float32) -> Kind:
    """Kind of (K, D) unit vectors of examples."""
    total = vectors.sum(axis=0, dtype=np.float64)
    others = total - vectors
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-9)
    likeness = float(((others * vectors).sum(axis=1) / lengths).mean())
    length = max(float(np.linalg.norm(total)), 1e-9)
    return Kind((total / length).astype(np.float32), likeness)


def _log_extents(known: MapObject) -> Float64:
    logarithms: Float64 = np.log(known.box.size + _BLUR_M)
    return logarithms
