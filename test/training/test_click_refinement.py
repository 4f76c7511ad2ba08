"""Training of MiniClicks: boxes around objects, masks with faults, and that it learns."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from seg3d_ros.datasets.scene_dataset import SceneSample, collate
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.training.click_boxes import ObjectBox
from seg3d_ros.training.click_refinement import RefinementObjective, RefinementTraining
from seg3d_ros.training.damaged_masks import damaged_mask


def room(instance_of_boxes=(1, 2)):
    """A floor of 2 m with two boxes of 30 cm on it, 2 cm apart; the floor is instance 0."""
    x, y = (axis.ravel() for axis in np.mgrid[0:2:0.02, 0:2:0.02])
    instance = np.zeros(len(x), np.int64)
    for number, left in zip(instance_of_boxes, (0.4, 1.2), strict=True):
        instance[(abs(x - left - 0.15) < 0.15) & (abs(y - 1) < 0.15)] = number
    height = np.where(instance > 0, 0.3, 0)
    points = np.stack([x, y, height], axis=1).astype(np.float32)
    colors = np.random.default_rng(0).random((4, 3), np.float32)[np.clip(instance, 0, 3)]
    return SceneSample("room", points, colors, np.zeros_like(points), instance, instance)


def test_a_box_is_around_the_object_of_its_first_point():
    sample, rng = room(), np.random.default_rng(0)
    for _ in range(20):
        box = ObjectBox()(sample, rng)
        own = box.points[box.instance == box.instance[0]]
        assert len(own) >= 30
        assert len(box) <= len(sample)
        assert len(np.unique(box.points, axis=0)) == len(box)  # the first is there once
    chosen = {int(ObjectBox()(sample, rng).instance[0]) for _ in range(30)}
    assert chosen == {0, 1, 2}


def test_a_part_without_objects_does_not_end_the_training():
    sample = room()
    empty = dataclasses.replace(sample, instance=np.full(len(sample), -1))
    assert ObjectBox()(empty, np.random.default_rng(0)) is empty


def test_damaged_masks_hold_the_click_and_are_rarely_right():
    torch.manual_seed(0)
    sample = room()
    points, instance = torch.from_numpy(sample.points), torch.from_numpy(sample.instance)
    target = instance == 1
    click = int(target.nonzero()[40])
    overlaps = []
    for _ in range(40):
        probability = damaged_mask(points, target, instance, click)
        mask = probability > 0.5
        assert bool(mask[click])
        assert len(probability.unique()) == 2
        overlaps.append(float((mask & target).sum() / (mask | target).sum()))
    assert 0.3 < np.mean(overlaps) < 0.9
    assert min(overlaps) < 0.3
    assert max(overlaps) > 0.9


def test_it_learns_which_box_was_clicked():
    torch.manual_seed(0)
    training = RefinementTraining(str(MINI), objects=3, most_voxels=800)
    objective, batch = (
        RefinementObjective(),
        collate([ObjectBox()(room(), np.random.default_rng(1))]),
    )
    optimizer = torch.optim.AdamW(training.parameters(), 3e-3)
    losses = []
    for _ in range(20):
        found = objective(training(batch), batch)
        optimizer.zero_grad()
        found["total"].backward()
        optimizer.step()
        losses.append(float(found["total"].detach()))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])
    assert all(name.startswith("head.") for name, _ in training.named_parameters())
