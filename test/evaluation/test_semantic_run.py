"""Point labels from instances that are named by embeddings."""

import numpy as np
import pytest
from support.toy_dataset import NAMES as ROOM_NAMES
from support.toy_dataset import write_dataset
from support.word_vectors import WordVectors

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.naming import Labels
from seg3d_ros.evaluation.predictions import Predictions, SegmenterSource
from seg3d_ros.evaluation.scenes import load_classes
from seg3d_ros.evaluation.semantic_run import PaintedInstances, evaluate_labels, point_labels
from seg3d_ros.evaluation.semantic_scores import SemanticProtocol, semantic_protocol
from seg3d_ros.masks import Masks
from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.recordings.tum_writer import write_tum
from seg3d_ros.scene import Camera, Instances
from seg3d_ros.segmenters.segmenter import SemanticLabels
from seg3d_ros.sensing.depth_image import DepthImage

NAMES = ("sofa", "desk")  # classes 2 and 0 of the data set
PROTOCOL = SemanticProtocol(NAMES, np.array([1, -1, 0]), {})
MASKS = np.array([[1, 1, 1, 0], [0, 1, 0, 0]], np.bool_)
SCORES = np.array([0.3, 0.8], np.float32)


class _Source:
    name = "source"

    def __init__(self, embeddings, classes=None):
        space = None if embeddings is None else "any"
        self._found = Predictions(Instances(Masks.of(MASKS), SCORES, embeddings, space), classes)

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


class ByHeight:
    """Segmenter of points that calls what is low a floor, and all else by no class's name."""

    name, embedding_space, device = "by height", None, "cpu"

    def segment(self, scene):
        raise AssertionError("points are labelled without instances")

    def waiting(self, views):
        return len(views)

    def label(self, scene):
        self.views = len(scene.views)
        return SemanticLabels((scene.points[:, 2] > 0.015).astype(np.int64), ("floor", "sky"))


def test_a_segmenter_of_points_sees_the_frames(tmp_path):
    root = write_dataset(tmp_path, rooms=1, split="val")
    camera = Camera(8, 6, 8.0, 8.0, 3.5, 2.5)
    color, depth = np.full((6, 8, 3), 9, np.uint8), np.full((6, 8), 1000, np.uint16)
    image = DepthImage(color, depth, 0.001, camera)
    frames = [RecordedFrame(stamp * 10**9, np.eye(4), image) for stamp in (1, 2)]
    write_tum(root / "recordings" / "room_0", frames)
    protocol = semantic_protocol(load_classes(root, "names"))
    labels = Labels(ROOM_NAMES, ROOM_NAMES, load=lambda _: WordVectors())
    segmenter = ByHeight()
    source = point_labels(SegmenterSource(segmenter), labels, protocol)
    scores = evaluate_labels(ScanNetDataset(root, "val"), source, protocol).scores
    assert segmenter.views == 2
    by_name = {item.name: item for item in scores.classes}
    assert by_name["floor"].accuracy == 1.0 and by_name["crate"].accuracy == 0.0
