"""Evaluations of rooms whose outcome is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.toy_dataset import NAMES, write_dataset
from support.word_vectors import WordVectors

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.evaluation.evaluator import Evaluator, Protocol, paint
from seg3d_ros.evaluation.naming import Labels
from seg3d_ros.evaluation.predictions import Predictions
from seg3d_ros.evaluation.run import run_model
from seg3d_ros.evaluation.scenes import load_classes, load_scene
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances

SPACE = WordVectors.name


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Rooms of a floor, a wall, two crates and a ball; balls are unseen."""
    return write_dataset(tmp_path_factory.mktemp("rooms"), rooms=8)


@pytest.fixture
def dataset(root):
    return ScanNetDataset(root, "train")


def protocol(root, **options):
    labels = Labels(NAMES, NAMES, load=lambda _: WordVectors())
    return Protocol(load_classes(root, "names", **options), labels)


def embedded(words):
    return WordVectors().encode(words)


class Oracle:
    """Knows the instances, calls them what it is told, in a text space or by class."""

    name = "oracle"

    def __init__(self, words, *, by_class=False):
        self.words = words
        self.by_class = by_class

    def predict(self, scene):
        masks = scene.sample.instance[None] == np.arange(5)[:, None]
        scores = np.linspace(0.9, 0.5, 5, dtype=np.float32)
        if self.words is None:
            return Predictions(Instances(Masks.of(masks), scores))
        if self.by_class:
            return Predictions(
                Instances(Masks.of(masks), scores),
                np.array([NAMES.index(word) for word in self.words]),
            )
        return Predictions(Instances(Masks.of(masks), scores, embedded(self.words), SPACE))


TRUE_WORDS = ["floor", "wall", "crate", "ball", "crate"]


@pytest.mark.parametrize("by_class", [False, True])
def test_the_truth_scores_one_everywhere(root, dataset, by_class):
    evaluation = run_model(
        dataset, Oracle(TRUE_WORDS, by_class=by_class), protocol(root)
    ).evaluation
    found, named = evaluation.found, evaluation.named
    assert found.objects == 8 * 5
    assert (found.precision.ap, found.recall50, found.mean_best_iou) == (1, 1, 1)
    assert named.precision["all"].ap == named.precision["unseen"].ap == 1
    assert named.harmonic_mean_iou == 1
    assert {item.name: item.objects for item in named.classes} == {
        "floor": 8, "wall": 8, "crate": 16, "ball": 8,
    }  # fmt: skip
    assert bool(named.ranks) != by_class


def test_what_is_called_wrongly_is_found_all_the_same(root, dataset):
    words = ["floor", "wall", "crate", "crate", "crate"]
    evaluation = run_model(dataset, Oracle(words), protocol(root)).evaluation
    named = evaluation.named
    assert evaluation.found.precision.ap == 1
    assert named.precision["unseen"].ap == 0
    assert named.ranks["seen"].top1 == 1 and named.ranks["seen"].found == 8 * 4
    assert named.ranks["unseen"].top1 == 0 and named.ranks["unseen"].top5 == 1
    assert named.mean_iou["unseen"] == 0 and named.harmonic_mean_iou == 0
    # the points of a room: 400 floor, 400 wall, 400 crate, 200 ball called crate
    assert named.mean_iou["all"] == pytest.approx((1 + 1 + 2 / 3 + 0) / 4)


def test_walls_and_floors_are_not_asked_for_if_only_objects_count(root, dataset):
    evaluation = run_model(
        dataset, Oracle(TRUE_WORDS), protocol(root, objects_only=True)
    ).evaluation
    assert evaluation.found.objects == 8 * 3
    assert evaluation.found.precision.ap == 1, "masks of walls are no false positives"
    assert evaluation.named.precision["all"].ap == 1
    assert evaluation.ignored == ("ceiling", "floor", "wall")


def test_masks_without_names_are_judged_without_names(root, dataset):
    evaluation = run_model(dataset, Oracle(None), protocol(root), limit=2).evaluation
    assert evaluation.named is None and evaluation.found.precision.ap == 1
    assert len(evaluation.scenes) == 2


def test_the_best_and_the_worst_scenes_are_kept_for_pictures(root, dataset):
    class Fading(Oracle):
        """Finds less of each next room."""

        calls = 0

        def predict(self, scene):
            predictions = super().predict(scene)
            self.calls += 1
            masks = predictions.instances.masks.dense()
            masks[:, :: 10 - self.calls] = False
            return replace(
                predictions, instances=replace(predictions.instances, masks=Masks.of(masks))
            )

    run = run_model(dataset, Fading(TRUE_WORDS), protocol(root))
    assert [image.scores.name for image in run.images] == [
        f"room_{number}" for number in (0, 1, 2, 5, 6, 7)
    ]
    image = run.images[0]
    assert sorted(image.true_names.values()) == sorted(TRUE_WORDS)
    assert image.true_names == image.predicted_names
    agree = image.predicted > 0
    np.testing.assert_array_equal(image.predicted[agree], image.truth[agree])


def test_a_picture_leaves_out_masks_on_what_is_ignored(root, dataset):
    run = run_model(dataset, Oracle(TRUE_WORDS), protocol(root, objects_only=True), limit=1)
    segment = load_scene(dataset, 0).sample.segment
    stuff = segment < 2
    assert not run.images[0].truth[stuff].any() and not run.images[0].predicted[stuff].any()
    assert run.images[0].predicted[~stuff].all()


def test_points_belong_to_the_best_scored_mask():
    masks = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)
    assert paint(Masks.of(masks), np.array([0.9, 0.1]), np.array([5, 7])).tolist() == [5, 5, 7, -1]
    assert paint(Masks.of(masks), np.array([0.1, 0.9]), np.array([5, 7])).tolist() == [5, 7, 7, -1]


@pytest.mark.parametrize(("size", "kept"), [(99, 0), (100, 1)])
def test_masks_smaller_than_the_minimum_name_points_but_are_no_instances(
    root, dataset, size, kept
):
    evaluator = Evaluator(protocol(root))
    sample = load_scene(dataset, 0).sample
    mask = np.zeros((1, len(sample)), bool)
    mask[0, np.flatnonzero(sample.segment == 3)[:size]] = True
    judged = evaluator.add(
        sample, Predictions(Instances(Masks.of(mask), np.ones(1)), np.array([3]))
    )
    assert len(judged.predictions) == kept
    ball = next(item for item in evaluator.named().classes if item.name == "ball")
    assert ball.iou == pytest.approx(size / 200) and ball.precision.ap == 0
