"""Names for predictions of an open vocabulary: the nearest of a list of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.overlaps import NO_CLASS, Overlaps
from seg3d_ros.scene import Float32, Int64
from seg3d_ros.segmenters.segmenter import Segmenter
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import TextEncoder, load_text_encoder
from seg3d_ros.text.known_words import KnownWords
from seg3d_ros.text.labels import BACKGROUND
from seg3d_ros.text.vocabulary import Vocabulary

NOT_FOUND = -1
_FOUND_IOU = 0.5


class Labels:
    """Labels that predictions are named with, embedded in each text space that occurs.

    Attributes:
        classes: (L,) class of each label; NO_CLASS for one that is nobody's name here.
    """

    def __init__(
        self,
        entries: Sequence[str],
        class_names: Sequence[str],
        *,
        load: Callable[[str], TextEncoder] = load_text_encoder,
    ) -> None:
        """Match labels and classes by name.

        Args:
            entries: "sofa|couch" is the class sofa by two words; a minus in front says nothing.
            class_names: of class 0, 1, ...
            load: gives the text encoder of a space.

        Raises:
            InputError: a label cannot be one, or there is none for a class.
        """
        # Background would be one label for all that is marked so.
        vocabulary = Vocabulary([entry.removeprefix("-") for entry in entries])
        if BACKGROUND in vocabulary.labels:
            raise InputError(f"{BACKGROUND!r} is no label to evaluate; leave it out")
        self._entries, names = vocabulary.entries, vocabulary.labels
        missing = [name for name in class_names if name not in names]
        if missing:
            raise InputError(
                f"no label for {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}: write "
                "each class as it is called in the data set, synonyms after it (sofa|couch)"
            )
        number = {name: index for index, name in enumerate(class_names)}
        self.classes = np.array([number.get(name, NO_CLASS) for name in names], np.int64)
        self._load = load
        self._vectors: dict[str, Float32] = {}

    def similarities(self, embeddings: Float32, space: str) -> Float32:
        """(M, L) cosines of (M, D) unit vectors of a text space with the labels.

        Raises:
            InputError: there is no such text space, or its vectors have another length.
        """
        if space not in self._vectors:
            known = Vocabulary(self._entries, encoder=self._load(space), cache=EmbeddingCache())
            self._vectors[space] = known.embeddings
        vectors = self._vectors[space]
        if embeddings.shape[1] != vectors.shape[1]:
            raise InputError(
                f"embeddings of {embeddings.shape[1]} numbers, but {space} has {vectors.shape[1]}"
            )
        return embeddings @ vectors.T

    def with_knowledge(self, segmenter: Segmenter) -> Vocabulary:
        """Vocabulary of all labels in a segmenter's space, with what witnesses know of them.

        Raises:
            InputError: the segmenter embeds nothing.
        """
        if not segmenter.embedding_space:
            raise InputError(f"{segmenter.name} gives no embeddings; names need a model that does")
        encoder, memory = self._load(segmenter.embedding_space), EmbeddingCache()
        known_words = KnownWords(encoder, memory)
        return Vocabulary(self._entries, encoder=encoder, cache=memory, known_words=known_words)

    def ranks(self, similarities: Float32, classes: Int64) -> Int64:
        """(M,) how many labels are nearer than that of the class, for (M, L) and (M,) classes."""
        columns = np.empty(self.classes.max(initial=-1) + 1, np.int64)
        named = np.flatnonzero(self.classes >= 0)
        columns[self.classes[named]] = named
        own = np.take_along_axis(similarities, columns[classes][:, None], axis=1)
        return (similarities > own).sum(axis=1)


def name_ranks(overlaps: Overlaps, similarities: Float32, labels: Labels) -> Int64:
    """(G,) rank of the true name, from 0, of each counted instance; NOT_FOUND where there is none.

    An instance takes its name from the mask that fits it best, if their IoU is above 1/2.

    Args:
        overlaps: of M predictions.
        similarities: (M, L) of the same predictions with all labels.
        labels: what they are compared with.
    """
    classes = overlaps.region_classes[overlaps.counted]
    if not len(overlaps.scores):
        return np.full(len(classes), NOT_FOUND, np.int64)
    best = overlaps.ious[:, overlaps.counted].argmax(axis=0)
    ranks = labels.ranks(similarities[best], classes)
    return np.where(overlaps.best_ious > _FOUND_IOU, ranks, NOT_FOUND)
