"""Losses and targets of LaSSM: those of the reference, and values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from support.lassm import network_of, scene_of
from support.parity import recordings

from seg3d_ros.networks.lassm.network import pool_superpoints
from seg3d_ros.training.lassm_objective import LassmObjective
from seg3d_ros.training.lassm_targets import build_lassm_targets

RECORDED = recordings("lassm", having="preprocessing")
SCENES = [(r, scene) for r in RECORDED for scene in r.description["scenes"]]
FIRST_CLASS = 2  # wall and floor are no instances


@pytest.mark.parametrize("case", SCENES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_losses_are_those_of_the_reference(case):
    recording, name = case
    expected, scene = recording.below(f"{name}/"), scene_of(recording, name)
    network = network_of(recording)
    count = recording.description["model"]["decoder"]["num_class"]
    objective = LassmObjective(classes=range(FIRST_CLASS, FIRST_CLASS + count))
    targets = build_lassm_targets(
        expected["in.origin_coord"],
        expected["raw.segment"] - FIRST_CLASS,
        expected["raw.instance"],
        scene.superpoint_of,
        num_classes=count,
    )
    with torch.inference_mode():
        features = network.backbone(scene.voxels)
        centers = pool_superpoints(scene, features).centers
        losses = objective.scene_losses(network.decode(scene, features), targets, centers)
    for ours, theirs in (
        ("cls", "cls"), ("bce", "mask"), ("dice", "dice"), ("center", "bbox"),
        ("superpoints", "sp_cls"),
    ):  # fmt: skip
        last = losses[ours].flatten()[-1:]
        torch.testing.assert_close(last, expected[f"loss.loss_{theirs}"], rtol=1e-4, atol=1e-5)
    weighted = sum(w * losses[part].sum() for part, w in vars(objective.weights).items())
    total = weighted + objective.superpoint_weight * losses["superpoints"]
    torch.testing.assert_close(total[None], expected["loss.loss"], rtol=1e-4, atol=1e-5)


def test_targets_by_hand():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 2, 0], [4, 4, 4]])
    segment = torch.tensor([1, 1, 0, 0, -1])
    instance = torch.tensor([7, 7, 3, 3, -1])
    superpoint_of = torch.tensor([0, 0, 0, 1, 2])
    targets = build_lassm_targets(points, segment, instance, superpoint_of, num_classes=2)
    assert targets.labels.tolist() == [0, 1]  # ids 3, then 7
    assert targets.masks.tolist() == [[0, 1, 0], [1, 0, 0]]
    torch.testing.assert_close(targets.centers, torch.tensor([[0.5, 0.25, 0], [0.125, 0, 0]]))
    assert targets.superpoint_labels.tolist() == [1, 0, 2]


def test_a_superpoint_without_majority_counts_as_class_0():
    points, instance = torch.rand(2, 3), torch.tensor([0, 1])
    halves = build_lassm_targets(
        points, torch.tensor([1, 2]), instance, torch.tensor([0, 0]), num_classes=3
    )
    assert halves.superpoint_labels.tolist() == [0]
    assert halves.masks.tolist() == [[0], [0]]


def test_a_superpoint_without_majority_may_be_no_object():
    mended, published = (
        LassmObjective(classes=[0, 1, 2], mixed_as_first=o) for o in (False, True)
    )
    assert (mended.mixed_class, published.mixed_class) == (3, 0)
    points, instance = torch.rand(5, 3), torch.arange(5)
    labels = build_lassm_targets(
        points,
        torch.tensor([1, 2, 2, 0, 0]),
        instance,
        torch.tensor([0, 0, 1, 1, 1]),
        num_classes=3,
        mixed_class=mended.mixed_class,
    ).superpoint_labels
    assert labels.tolist() == [3, 0]


def test_labels_become_classes_in_their_order():
    objective = LassmObjective(classes=[5, 1])
    labels = torch.tensor([-1, 0, 1, 5, 6, 200])
    assert objective._class_of(labels).tolist() == [-1, -1, 1, 0, -1, -1]
