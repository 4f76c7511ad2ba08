"""Losses of XMask3D against slow twins, point by point and mask by mask."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from seg3d_ros.errors import InputError
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.point_branch import PointFeatures
from seg3d_ros.networks.xmask3d.point_labels import FusedPoints
from seg3d_ros.training.view_dataset import LabelledInput, ViewBatch
from seg3d_ros.training.xmask3d_objective import XMask3DObjective, choose_masks, mask_targets
from seg3d_ros.training.xmask3d_training import ViewPrediction

NAMES, BASE, NOVEL = ("wall", "sofa", "table", "other"), ("wall", "table"), ("sofa",)
POINTS, QUERIES, LAYERS, WIDTH = 60, 4, 2, 8


def prediction(seed=0):
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=random)

    classes = OpenClasses(draw(2, WIDTH), draw(WIDTH), torch.ones(2, dtype=torch.bool))
    return ViewPrediction(
        mask_logits=2 * draw(LAYERS, QUERIES, POINTS),
        embeddings=draw(LAYERS, QUERIES, WIDTH),
        mask_clip=draw(QUERIES, WIDTH),
        points=PointFeatures(draw(POINTS, WIDTH), draw(POINTS), draw(WIDTH)),
        fused=FusedPoints(draw(POINTS, WIDTH), draw(POINTS, WIDTH), torch.zeros(POINTS).long()),
        classes=classes,
        scale=torch.tensor(10.0),
    )


def labels():
    """A sofa, of a novel class, under most points; some are not labelled."""
    return torch.tensor([1] * 46 + [0] * 6 + [2] * 4 + [3] * 2 + [-1] * 2)


def losses_of(said, segment):
    given = LabelledInput("a view", None, segment)
    return XMask3DObjective(NAMES, BASE, NOVEL)([said], ViewBatch((given,)))


def class_of(label):
    """Row among the base classes; 2 stands for none."""
    return {0: 0, 2: 1}.get(label, 2)


def log_softmax(said, embedding):
    names = [*said.classes.text, said.classes.null]
    values = [10 * float(cosine_similarity(embedding, name, dim=0)) for name in names]
    return [value - math.log(sum(map(math.exp, values))) for value in values]


def test_classes_of_points_and_base_points():
    said, segment = prediction(), labels()
    losses = losses_of(said, segment)
    for name, features in (("fused", said.fused.features), ("points", said.points.features)):
        terms = [
            -log_softmax(said, features[i])[class_of(label)]
            for i, label in enumerate(segment.tolist())
            if label in (0, 2)
        ]
        assert float(losses[name]) == pytest.approx(sum(terms) / len(terms), rel=1e-4)
    terms = []
    for logit, label in zip(said.points.base_logits.tolist(), segment.tolist(), strict=True):
        if label in (0, 1, 2):
            sign = -1 if label == 1 else 1
            terms.append(math.log1p(math.exp(-sign * logit)))
    assert float(losses["base"]) == pytest.approx(sum(terms) / len(terms), rel=1e-4)


def test_masks_are_those_of_the_cheapest_assignment():
    """Three targets: both base classes, and all other points with "no object"."""
    said, segment = prediction(), labels()
    classes = [class_of(label) for label in segment.tolist()]
    expected = {"cls": 0.0, "bce": 0.0, "dice": 0.0}
    for layer in range(LAYERS):
        masks = said.mask_logits[layer].double().sigmoid().tolist()
        words = [log_softmax(said, said.embeddings[layer, q]) for q in range(QUERIES)]

        def pair(query, target, masks=masks):
            truth = [float(c == target) for c in classes]
            sure = [p if t else 1 - p for p, t in zip(masks[query], truth, strict=True)]
            bce = -sum(map(math.log, sure)) / POINTS
            both = sum(p * t for p, t in zip(masks[query], truth, strict=True))
            return bce, 1 - (2 * both + 1) / (sum(masks[query]) + sum(truth) + 1)

        def cost(queries, words=words, pair=pair):
            parts = [pair(query, target) for target, query in enumerate(queries)]
            named = [math.exp(words[query][target]) for target, query in enumerate(queries)]
            return sum(5 * bce + 5 * dice for bce, dice in parts) - 2 * sum(named)

        best = min(itertools.permutations(range(QUERIES), 3), key=cost)
        parts = [pair(query, target) for target, query in enumerate(best)]
        expected["bce"] += sum(bce for bce, _ in parts) / 3
        expected["dice"] += sum(dice for _, dice in parts) / 3
        wanted = [best.index(q) if q in best else 2 for q in range(QUERIES)]
        weights = [0.1 if c == 2 else 1.0 for c in wanted]
        named = [w * -words[q][c] for q, (w, c) in enumerate(zip(weights, wanted, strict=True))]
        expected["cls"] += sum(named) / sum(weights)
    found = losses_of(said, segment)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-4), name


def test_the_caption_is_made_of_the_base_names_in_view():
    said, segment = prediction(), labels()
    caption = sum(normalize(text, dim=0) for text in said.classes.text) / 2
    features = (said.fused.features, said.points.features, said.fused.from_masks)
    distances = [1 - cosine_similarity(part.mean(0), caption, dim=0) for part in features]
    assert float(losses_of(said, segment)["caption"]) == pytest.approx(float(sum(distances)))


def test_points_under_masks_are_compared_with_clip():
    said, segment = prediction(), labels()
    soft = said.mask_logits[-1].sigmoid()
    chosen = choose_masks(soft, torch.isin(segment, torch.tensor([0, 2])), segment == 1)
    assert len(chosen)
    distances = [
        1 - cosine_similarity(
            said.points.features[soft[query] >= 0.5].mean(0), said.mask_clip[query], dim=0
        )
        for query in chosen
    ]  # fmt: skip
    expected = float(sum(distances)) / len(distances)
    assert float(losses_of(said, segment)["contrast"]) == pytest.approx(expected, rel=1e-4)


def test_masks_to_compare_are_the_surest_ones():
    is_novel = torch.arange(400) < 100
    soft = torch.zeros(8, 400)
    for query, sureness in enumerate((0.6, 0.9, 0.8, 0.7, 0.95)):
        soft[query, : 40 + query] = sureness  # on novel points
    soft[5, 150:390] = 0.7  # on base points
    soft[6, 150:360] = 0.9
    soft[7, 50:150] = 0.99  # on both
    assert choose_masks(soft, ~is_novel, is_novel).tolist() == [4, 1, 2, 3, 6]
    assert choose_masks(soft[7:], ~is_novel, is_novel).tolist() == []


def test_targets_are_classes_and_the_rest():
    targets = mask_targets(torch.tensor([1, -1, 0, 1]), none=2)
    assert targets.labels.tolist() == [2, 0, 1]
    assert targets.masks.int().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]]


def test_views_of_novel_or_unknown_points_alone_are_learned_from():
    for label in (1, -1):
        said = prediction()
        said.points.features.requires_grad_()
        losses = losses_of(said, torch.full((POINTS,), label))
        assert all(loss.isfinite() for loss in losses.values())
        assert losses["fused"] == losses["points"] == losses["caption"] == 0
        losses["total"].backward()


def test_names_that_are_no_classes_are_refused():
    with pytest.raises(InputError, match="'piano'"):
        XMask3DObjective(NAMES, BASE, ("piano",))
