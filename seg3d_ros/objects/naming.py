"""Names of objects from several witnesses: the model, pictures, size and height, commonness.

Each witness gives every word in force a log-probability up to a constant. They are added up with
fixed weights: a weight below 1 says that a witness is surer of itself than it should be, or that
it knows what another one knows as well. README.md tells how good the names are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seg3d_ros.objects.embedding import vector_for
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.sizes import Measures, measure, size_likelihoods, structure_of
from seg3d_ros.scene import Float32
from seg3d_ros.text.known_words import (
    CLASSIFIERS,
    OF_PICTURES,
    LabelKnowledge,
)
from seg3d_ros.text.vocabulary import Candidate, Vocabulary

# Weights of the witnesses; text spaces that are missing here count in full.
_MODEL_WEIGHT: Mapping[str, float] = {"all-MiniLM-L6-v2": 0.4}
_SIZE_WEIGHT = 0.7
_COMMON_WEIGHT = 0.5
_LEAST_SHARE = 1e-3  # of a label in a picture that shows something else
_STRUCTURE_BONUS = 20.0  # what geometry says of floors and walls stands against all others
_HYSTERESIS = 0.25  # log-probability by which another name must be better than the one in force


def rank_labels(
    objects: Sequence[MapObject],
    vocabulary: Vocabulary | None,
    *,
    floor: float | None = None,
    steady: bool = False,
) -> list[tuple[Candidate, ...]]:
    """Best labels of each object, best first; none for objects that no witness knows.

    Args:
        objects: to be named.
        vocabulary: words in force.
        floor: height of the floor, map frame, metres; None: not seen.
        steady: a name that an object has yields to clearly better ones only.
    """
    ranked: list[tuple[Candidate, ...]] = [()] * len(objects)
    if vocabulary is None or vocabulary.encoder is None:
        return ranked
    rows = [row for row, known in enumerate(objects) if _has_witness(known, vocabulary)]
    if not rows:
        return ranked
    known = [objects[row] for row in rows]
    logits = label_logits(known, vocabulary, floor)
    if steady:
        _keep_names(logits, known, vocabulary)
    for row, candidates in zip(rows, vocabulary.rank(logits), strict=True):
        ranked[row] = candidates
    return ranked


def label_logits(
    objects: Sequence[MapObject], vocabulary: Vocabulary, floor: float | None
) -> Float32:
    """Logits (M, L) of the entries of a vocabulary for M objects that some witness knows."""
    model = model_logits(objects, vocabulary)
    knowledge = vocabulary.knowledge
    if knowledge is None or vocabulary.encoder is None:
        return model
    measures = measure([known.box for known in objects], floor)
    logits = _MODEL_WEIGHT.get(vocabulary.encoder.name, 1.0) * model
    logits += _SIZE_WEIGHT * np.log(size_likelihoods(measures) @ knowledge.size_shares)
    logits += _COMMON_WEIGHT * knowledge.commonness
    logits += picture_logits(objects, vocabulary)
    _name_structure(logits, measures, model, knowledge)
    return logits


def _has_witness(known: MapObject, vocabulary: Vocabulary) -> bool:
    seen = [_class_shares(known, space) for space in CLASSIFIERS]
    seen.append(_tower_vector(known, vocabulary))
    pictured = vocabulary.knowledge is not None and any(vector is not None for vector in seen)
    return pictured or vector_for(known.embeddings, vocabulary) is not None


def model_logits(objects: Sequence[MapObject], vocabulary: Vocabulary) -> Float32:
    """Cosine over temperature (M, L); zero for objects without an embedding of the space."""
    assert vocabulary.encoder is not None
    vectors = np.zeros((len(objects), vocabulary.encoder.dimension), np.float32)
    for row, known in enumerate(objects):
        vector = vector_for(known.embeddings, vocabulary)
        if vector is not None:
            vectors[row] = vector
    return vocabulary.logits(vectors)


def _class_shares(known: MapObject, space: str) -> Float32 | None:
    """(C,) mean shares of the classes of one of `CLASSIFIERS`, of any sum."""
    embedding = known.embeddings.get(space)
    if embedding is None or len(embedding.vector) != CLASSIFIERS[space][0]:
        return None
    return embedding.vector


def _tower_vector(known: MapObject, vocabulary: Vocabulary) -> Float32 | None:
    """(D,) unit vector of the image tower that shares the vocabulary's space."""
    assert vocabulary.encoder is not None
    embedding = known.embeddings.get(vocabulary.encoder.name + OF_PICTURES)
    fits = embedding is not None and len(embedding.vector) == vocabulary.encoder.dimension
    return embedding.vector if embedding is not None and fits else None


def picture_logits(objects: Sequence[MapObject], vocabulary: Vocabulary) -> Float32:
    """Log-probabilities (M, L) by what pictures show; zero without pictures."""
    knowledge = vocabulary.knowledge
    assert knowledge is not None
    logits = np.zeros((len(objects), len(knowledge.commonness)), np.float32)
    for row, known in enumerate(objects):
        for space, classes in knowledge.pictures.items():
            shares = _class_shares(known, space)
            if shares is not None:
                shares = np.maximum(shares[classes.classes], 0)
                mixture = shares @ classes.shares / max(float(shares.sum()), 1e-9)
                logits[row] += np.log(mixture + _LEAST_SHARE)
        vector = _tower_vector(known, vocabulary)
        if vector is not None:
            logits[row] += vocabulary.logits(vector[None])[0]
    return logits


def _name_structure(
    logits: Float32, measures: Measures, model: Float32, knowledge: LabelKnowledge
) -> None:
    """Give the word for floor, wall or ceiling to what can be nothing else; in place."""
    best = model.argmax(axis=1)
    by_model = np.array(
        [
            knowledge.structure.index(label) if label in knowledge.structure else -1
            for label in best
        ]
    )
    for row, word in enumerate(structure_of(measures, by_model)):
        label = knowledge.structure[word] if word >= 0 else -1
        if label >= 0:
            logits[row, label] += _STRUCTURE_BONUS


def _keep_names(logits: Float32, objects: Sequence[MapObject], vocabulary: Vocabulary) -> None:
    """Prefer the label that each object has; in place."""
    rows = vocabulary.row_of
    for row, known in enumerate(objects):
        label = known.candidates[0].label if known.candidates else None
        if label is not None and label in rows:
            logits[row, rows[label]] += _HYSTERESIS
