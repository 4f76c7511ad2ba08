"""Scores of base and novel classes equal recorded ones of XMask3D's evaluation."""

import numpy as np
import pytest
from support.parity import recordings

from seg3d_ros.evaluation.scenes import load_classes
from seg3d_ros.evaluation.semantic import Confusion
from seg3d_ros.evaluation.semantic_scores import semantic_protocol, semantic_scores
from seg3d_ros.text.class_splits import class_splits

RECORDED = recordings("xmask3d", having="expected")


@pytest.fixture(params=[r for r in RECORDED if r.path.stem == "metrics"], ids=str)
def recorded(request):
    return request.param


def test_counts_and_scores_equal_the_recorded_ones(recorded, tmp_path):
    protocol = semantic_protocol(load_classes(tmp_path, "scannet20"), class_splits()["b15n4"])
    config, arrays = recorded.description["config"], recorded.arrays
    for group in ("base", "novel"):
        assert protocol.groups[group].tolist() == config[group]
    rows = np.append(protocol.rows, [-1, -1])  # 20 stands for no label there
    whole = Confusion(len(protocol.names))
    for scene in range(config["scenes"]):
        one = Confusion(len(protocol.names))
        truth, called = (arrays[f"{kind}{scene}"].numpy() for kind in ("gt", "pred"))
        for confusion in (one, whole):
            confusion.add(rows[called], rows[truth])
        np.testing.assert_array_equal(np.diagonal(one.counts), arrays[f"inter{scene}"])
        np.testing.assert_array_equal(one.sizes(), arrays[f"target{scene}"])
    scores = semantic_scores(whole, protocol)
    expected = recorded.description["expected"]
    for group in ("base", "novel"):
        members = protocol.groups[group]
        np.testing.assert_allclose(whole.ious()[members], arrays[f"iou_{group}"], rtol=1e-6)
        assert scores.mean_iou[group] == pytest.approx(expected[f"mIoU_{group}"], rel=1e-6)
        assert scores.mean_accuracy[group] == pytest.approx(expected[f"mAcc_{group}"], rel=1e-6)
        assert scores.accuracy[group] == pytest.approx(expected[f"allAcc_{group}"], rel=1e-6)
    assert scores.harmonic_mean_iou == pytest.approx(expected["hIoU"], rel=1e-6)


def test_absent_classes_count_as_zero_only_for_base_and_novel(tmp_path):
    classes = load_classes(tmp_path, "scannet20")
    for split, expected in [(class_splits()["b15n4"], 1 / 15), (None, 1.0)]:
        protocol = semantic_protocol(classes, split)
        confusion = Confusion(len(protocol.names))
        confusion.add(np.array([0, 0]), np.array([0, 0]))  # walls alone, and all of them right
        scores = semantic_scores(confusion, protocol)
        assert scores.mean_iou["base" if split else "all"] == pytest.approx(expected)
    assert scores.harmonic_mean_iou is None
