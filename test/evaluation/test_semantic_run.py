"""Point labels from instances that are named by embeddings."""

import numpy as np
import pytest
from support.word_vectors import WordVectors

from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.naming import Labels
from seg3d_ros.evaluation.predictions import Predictions
from seg3d_ros.evaluation.semantic_run import PaintedInstances
from seg3d_ros.evaluation.semantic_scores import SemanticProtocol
from seg3d_ros.scene import Instances

NAMES = ("sofa", "desk")  # classes 2 and 0 of the data set
PROTOCOL = SemanticProtocol(NAMES, np.array([1, -1, 0]), {})
MASKS = np.array([[1, 1, 1, 0], [0, 1, 0, 0]], np.bool_)
SCORES = np.array([0.3, 0.8], np.float32)


class _Source:
    name = "source"

    def __init__(self, embeddings, classes=None):
        space = None if embeddings is None else "any"
        self._found = Predictions(Instances(MASKS, SCORES, embeddings, space), classes)

    def predict(self, scene):
        return self._found


def _label(source):
    labels = Labels(NAMES, NAMES, load=lambda _: WordVectors())
    return PaintedInstances(source, labels, PROTOCOL).label(None).tolist()


def test_embeddings_get_the_nearest_name():
    assert _label(_Source(WordVectors().encode(["desk", "sofa"]))) == [1, 0, 1, -1]


def test_classes_that_do_not_count_are_no_answer():
    assert _label(_Source(None, np.array([2, 1]))) == [0, -1, 0, -1]
    assert _label(_Source(None, np.array([-1, 0]))) == [-1, 1, -1, -1]


def test_masks_without_names_are_refused():
    with pytest.raises(InputError, match="source finds instances but does not name them"):
        _label(_Source(None))
