"""Targets, assignment and losses of MaskFormer: by hand, and against slow twins."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.maskformer.network import MaskFormerOutput
from seg3d_ros.training.mask_losses import bce_loss, dice_loss
from seg3d_ros.training.maskformer_objective import MaskFormerObjective
from seg3d_ros.training.matching import MaskWeights, match, matching_cost
from seg3d_ros.training.targets import build_targets

CLASSES = 3
WEIGHTS = MaskWeights(cls=1, bce=2, dice=3)


def targets_of(segment, instance):
    found = build_targets(torch.tensor(segment), torch.tensor(instance), num_classes=CLASSES)
    return found.labels.tolist(), found.masks.int().tolist()


def test_an_instance_has_the_class_of_most_of_its_labelled_points():
    segment = [2, 2, 0, -1, -1, -1, 1, 0]
    instance = [7, 7, 7, 7, 7, 7, 4, -1]
    assert targets_of(segment, instance) == (
        [1, 2],
        [[0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1, 0, 0]],
    )


def test_the_lowest_of_equally_frequent_classes_wins():
    assert targets_of([2, 1, 2, 1], [0, 0, 0, 0])[0] == [1]


@pytest.mark.parametrize("label", [-1, CLASSES, 99])
def test_instances_without_a_class_are_left_out(label):
    assert targets_of([label, label, 1], [0, 0, 1]) == ([1], [[0, 0, 1]])
    assert targets_of([label, label], [0, 0]) == ([], [])


def scene(seed, *, queries=5, points=40, instances=3):
    torch.manual_seed(seed)
    owners = torch.arange(points) % (instances + 1) - 1
    targets = build_targets(owners.clamp(min=0) % CLASSES, owners, num_classes=CLASSES)
    return torch.randn(queries, CLASSES + 1), torch.randn(queries, points) * 3, targets


def pair_cost(logits, mask, label, wanted):
    """Cost of one query becoming one target, point by point."""
    p = [1 / (1 + math.exp(-x)) for x in mask.tolist()]
    t = wanted.int().tolist()
    bce = sum(-math.log(a if b else 1 - a) for a, b in zip(p, t, strict=True)) / len(p)
    both = sum(a * b for a, b in zip(p, t, strict=True))
    dice = 1 - (2 * both + 1) / (sum(p) + sum(t) + 1)
    cls = -float(torch.softmax(logits, 0)[label])
    return WEIGHTS.cls * cls + WEIGHTS.bce * bce + WEIGHTS.dice * dice


def test_costs_are_those_of_each_pair():
    logits, masks, targets = scene(0)
    ours = matching_cost(logits, masks, targets, weights=WEIGHTS)
    for query, target in itertools.product(range(len(masks)), range(len(targets))):
        expected = pair_cost(
            logits[query], masks[query], targets.labels[target], targets.masks[target]
        )
        assert float(ours[query, target]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_is_the_cheapest_of_all(seed):
    logits, masks, targets = scene(seed)
    cost = matching_cost(logits, masks, targets, weights=WEIGHTS)
    queries, chosen = match(logits, masks, targets, weights=WEIGHTS)
    cheapest = min(
        sum(float(cost[q, t]) for t, q in enumerate(order))
        for order in itertools.permutations(range(len(masks)), len(targets))
    )
    assert float(cost[queries, chosen].sum()) == pytest.approx(cheapest, rel=1e-5)
    assert sorted(chosen.tolist()) == list(range(len(targets)))


def test_more_targets_than_queries_leave_some_out():
    queries, chosen = match(*scene(0, queries=2, instances=4), weights=WEIGHTS)
    assert queries.tolist() == [0, 1] and len(set(chosen.tolist())) == 2


def test_a_diverged_network_is_assigned_something():
    logits, masks, targets = scene(0)
    queries, _ = match(logits, masks * torch.nan, targets, weights=WEIGHTS)
    assert len(queries) == len(targets)


def test_mask_losses_by_hand():
    masks = torch.tensor([[0.0, 0.0], [math.log(3), -math.log(3)]])  # p: 1/2 1/2, 3/4 1/4
    wanted = torch.tensor([[True, False], [True, True]])
    bce = (2 * math.log(2) - math.log(3 / 4) - math.log(1 / 4)) / 4
    dice = ((1 - 2 / 3) + (1 - 3 / 4)) / 2  # 2 * 1/2 + 1 of 1 + 1 + 1; 2 * 1 + 1 of 1 + 2 + 1
    assert float(bce_loss(masks, wanted)) == pytest.approx(bce)
    assert float(dice_loss(masks.sigmoid(), wanted.float()).mean()) == pytest.approx(dice)


def batch_of(*labels):
    """Scenes of two instances, or of none."""
    instance = torch.cat([torch.tensor(part) for part in labels])
    points = torch.zeros(len(instance), 3)
    return SceneBatch(
        points, points, points, instance.clamp(max=CLASSES - 1), instance,
        tuple(map(len, labels)), ("",) * len(labels),
    )  # fmt: skip


def perfect(*labels):
    """An output that is sure of exactly what `batch_of` holds."""
    logits = torch.full((len(labels), 4, CLASSES + 1), -30.0)
    masks = []
    for scene_logits, part in zip(logits, labels, strict=True):
        owners = torch.tensor(part)
        masks.append(torch.where(owners == torch.arange(4)[:, None], 30.0, -30.0))
        classes = [i if i in part else CLASSES for i in range(4)]
        scene_logits[torch.arange(4), classes] = 30.0
    return MaskFormerOutput(logits, tuple(masks))


@pytest.mark.parametrize("labels", [([0, 1, -1, 1],), ([0, 1, 1], [-1, -1]), ([-1, -1],)])
def test_who_finds_everything_loses_nothing(labels):
    losses = MaskFormerObjective(num_classes=CLASSES)(perfect(*labels), batch_of(*labels))
    assert set(losses) == {"cls", "bce", "dice", "total"}
    assert all(float(loss) == pytest.approx(0, abs=1e-6) for loss in losses.values())


def test_scenes_without_instances_count_for_classes_only():
    labels = ([0, 1, 1], [-1, -1])
    sure = perfect(*labels)
    worse = MaskFormerOutput(sure.logits * 0, tuple(masks * 0 for masks in sure.masks))
    objective = MaskFormerObjective(num_classes=CLASSES)
    both = objective(worse, batch_of(*labels))
    first = objective(MaskFormerOutput(worse.logits[:1], worse.masks[:1]), batch_of(labels[0]))
    for name in ("bce", "dice"):
        assert float(both[name]) == pytest.approx(float(first[name]))
    assert float(both["cls"]) == pytest.approx(math.log(CLASSES + 1))


def test_every_supervised_layer_adds_its_losses():
    labels = ([0, 1, -1, 1],)
    logits, masks, _ = scene(4, queries=4, points=4)
    one = MaskFormerOutput(logits[None], (masks,))
    objective = MaskFormerObjective(num_classes=CLASSES, bce_weight=2)
    single = objective(one, batch_of(*labels))
    thrice = objective(
        MaskFormerOutput(one.logits, one.masks, early=(one, one)), batch_of(*labels)
    )
    assert {name: 3 * float(loss) for name, loss in single.items()} == pytest.approx(
        {name: float(loss) for name, loss in thrice.items()}
    )
