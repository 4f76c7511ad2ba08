"""Training with clicks: the losses and the loop of the reference, crops, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.parity import recordings
from support.point_sam import network_of, small_network

from seg3d_ros.datasets.click_simulation import first_clicks
from seg3d_ros.datasets.scene_dataset import SceneSample, collate
from seg3d_ros.networks.point_sam.config import MINI
from seg3d_ros.networks.point_sam.network import Candidates, load_point_sam
from seg3d_ros.segmenters.prompts.point_sam_session import RADII_M
from seg3d_ros.training.click_crops import ObjectCrop
from seg3d_ros.training.click_rounds import ClickRounds, ClickTraining
from seg3d_ros.training.prompt_objective import (
    PromptObjective,
    focal_dice_loss,
    intersection_over_union,
)

OPS = recordings("point_sam", having="num_groups")
LOOPS = recordings("point_sam", having="loop")


@pytest.mark.parametrize("recording", OPS, ids=str)
def test_losses_are_the_reference_s(recording):
    arrays = recording.below("loss/")
    logits, targets = arrays["logits"], arrays["targets"]
    ours = focal_dice_loss(logits, targets)
    torch.testing.assert_close(ours, arrays["mask_loss"], atol=1e-5, rtol=0)
    iou = intersection_over_union(logits > 0, targets, torch.zeros(len(targets)))
    torch.testing.assert_close(iou, arrays["iou"], atol=1e-5, rtol=0)


def test_loss_of_masks_by_hand():
    """Two points; logits 0 are a probability of one half."""
    loss = focal_dice_loss(torch.zeros(1, 1, 2), torch.tensor([[True, False]]))
    focal = 0.25 * math.log(2)
    dice = 1 - (2 * 0.5 + 1e-3) / (0.5 + 1 + 1e-3)
    assert loss.item() == pytest.approx(focal + 2 * dice, abs=1e-6)


def rounds_of(answer, targets):
    """One round of clicks on a crop without patches."""
    nothing = torch.zeros(len(targets))
    return ClickRounds((answer,), targets, nothing, torch.zeros(1, 0, 2), torch.zeros(0).long())


def test_iou_is_that_with_the_whole_object():
    """Of three points two are of the object, a third of whose points is in the crop."""
    masks = torch.tensor([[[True, True, False], [True, False, True], [False, False, False]]])
    target = torch.tensor([[True, True, False]])
    ious = intersection_over_union(masks, target, torch.tensor([4.0]))
    torch.testing.assert_close(ious, torch.tensor([[2 / 6, 1 / 7, 0]]))
    nothing = intersection_over_union(masks[:, 2:], torch.zeros_like(target), torch.zeros(1))
    assert nothing.item() == 0


def test_only_the_best_candidate_learns():
    logits = torch.tensor([[[5.0, -5.0], [-5.0, 5.0]]], requires_grad=True)
    predicted = torch.tensor([[0.5, 0.5]], requires_grad=True)
    output = rounds_of(Candidates(logits, predicted), torch.tensor([[True, False]]))
    losses = PromptObjective()([output], None)
    assert losses["predicted_iou"].item() == pytest.approx(0.25)
    assert losses["total"].item() == pytest.approx(losses["mask"].item() + 0.25)
    losses["total"].backward()
    assert logits.grad[0, 0].abs().sum() > 0 and logits.grad[0, 1].abs().sum() == 0
    assert predicted.grad.tolist() == [[-1, 0]]
    all_alike = PromptObjective(common=1.0)([output], None)
    assert all_alike["mask"].item() == pytest.approx(
        focal_dice_loss(logits, output.targets).mean().item()
    )


def test_tokens_of_one_object_are_to_be_alike():
    """Two patches of object 0, one of 1, and one of nothing, which does not count."""
    instance = torch.tensor([0, 0, 1, -1])
    answer = Candidates(torch.zeros(1, 1, 2), torch.zeros(1, 1))
    objective = PromptObjective(affinity=0.5)

    def losses_of(*tokens):
        output = rounds_of(answer, torch.tensor([[True, False]]))
        output = replace(output, tokens=torch.tensor([tokens]), patch_instance=instance)
        return objective([output], None)

    told_apart = losses_of((1.0, 0.0), (2.0, 0.0), (0.0, 1.0), (0.0, 1.0))
    confused = losses_of((1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    assert told_apart["affinity"] < 0.02 < 2 < confused["affinity"]
    parts = confused["mask"] + confused["predicted_iou"] + 0.5 * confused["affinity"]
    assert confused["total"].item() == pytest.approx(parts.item())


class LoopOfTheReference(ClickTraining):
    """Starts from the recorded cloud, which is normalised, and knows its objects."""

    def answer_all(self, arrays):
        points, targets = arrays["in/coords"], arrays["loop/gt_masks"][0]
        clouds = self.network.encode(points, arrays["in/features"])
        first = first_clicks(points, targets)
        answers = tuple(self._answers(points, clouds, targets, first))
        nothing = torch.zeros(len(targets))
        return ClickRounds(answers, targets, nothing, clouds.tokens, torch.zeros(0).long())


@pytest.mark.parametrize("recording", LOOPS, ids=str)
@torch.inference_mode()
def test_the_loop_of_clicks_is_the_reference_s(recording):
    """Masks after five clicks agree only if all clicks and mask prompts before did."""
    rounds = recording.description["loop"]["iterations"]
    training = LoopOfTheReference(network_of(recording), rounds=rounds).eval()
    clicked = []
    training.network.point_encoder.register_forward_pre_hook(lambda _, x: clicked.append(x))
    output = training.answer_all(recording.arrays)
    expected = recording.below("loop/")
    for i, answer in enumerate(output.answers):
        points, labels = clicked[i]
        assert torch.equal(points, expected[f"{i}/prompt_coords"])
        assert torch.equal(labels, expected[f"{i}/prompt_labels"].long())
        torch.testing.assert_close(answer.logits, expected[f"{i}/masks"], atol=1e-3, rtol=0)
        iou = expected[f"{i}/iou_preds"]
        torch.testing.assert_close(answer.predicted_iou, iou, atol=1e-4, rtol=0)
    losses = PromptObjective()([output], None)
    torch.testing.assert_close(losses["total"], expected["loss"], atol=1e-4, rtol=0)
    masks = sum(expected[f"{i}/loss_mask"] for i in range(rounds)) / rounds
    torch.testing.assert_close(losses["mask"], masks, atol=1e-4, rtol=0)


def sample_of(count=3000, seed=0):
    """A floor (0), two cubes of 0.3 m (1, 2), and points of nothing."""
    rng = np.random.default_rng(seed)
    floor = rng.random((count, 3)) * [3, 3, 0.01]
    cubes = [rng.random((count // 4, 3)) * 0.3 + shift for shift in ((1, 1, 0), (2, 2, 0))]
    nothing = rng.random((count // 8, 3)) * 3
    parts = [floor, *cubes, nothing]
    ids = np.repeat([0, 1, 2, -1], [len(part) for part in parts])
    colors = np.array([[0.2] * 3, [1, 0, 0], [0, 0, 1], [0.9] * 3])[ids]
    points = np.concatenate(parts).astype(np.float32)
    return SceneSample("room", points, colors.astype(np.float32), 0 * points, ids, ids)


def test_crops_are_around_a_point_of_an_object():
    crop, scene = ObjectCrop(points=1000), sample_of()
    radii, clicked = set(), set()
    for seed in range(40):
        part = crop(scene, np.random.default_rng(seed))
        assert len(part) <= 1000 and part.instance[0] >= 0
        assert len(np.unique(part.points, axis=0)) == len(part)
        distances = np.linalg.norm(part.points - part.points[0], axis=1)
        radii.add(min(r for r in RADII_M if r >= distances.max() - 1e-6))
        clicked.add(int(part.instance[0]))
    assert radii == set(RADII_M) and clicked == {0, 1, 2}


def test_crops_tell_how_much_of_their_objects_they_hold():
    crop, scene = ObjectCrop(points=100_000), sample_of()
    shares = set()
    for seed in range(20):
        part = crop(scene, np.random.default_rng(seed))
        for number in (0, 1, 2):
            held, all_of_it = part.instance == number, (scene.instance == number).sum()
            assert np.allclose(part.share[held], held.sum() / all_of_it, atol=1e-6)
            shares.update(part.share[held].tolist())
    assert 1.0 in shares and min(shares) < 0.5


def test_scenes_without_objects_are_refused():
    with pytest.raises(ValueError, match="room has no object of 5000 points"):
        ObjectCrop(min_object_points=5000)(sample_of(), np.random.default_rng(0))


def batch_of(*seeds, points=600):
    crops = [ObjectCrop(points=points)(sample_of(), np.random.default_rng(seed)) for seed in seeds]
    return collate(crops)


def test_targets_are_objects_of_the_crops():
    torch.manual_seed(0)
    batch = batch_of(0, 1, points=600)
    crops = ClickTraining(small_network(), objects=3, fewest_points=600).train()(batch)
    instances = torch.split(batch.instance, batch.sizes)
    shares = torch.split(batch.share, batch.sizes)
    for crop, instance, share in zip(crops, instances, shares, strict=True):
        assert crop.targets.shape == (3, len(instance)) and len(crop.answers) == 5
        for target, missing in zip(crop.targets, crop.missing, strict=True):
            whole = target.sum() / share[target].mean()
            assert missing.item() == pytest.approx((whole - target.sum()).item(), rel=1e-3)
            ids = instance[target].unique()
            assert len(ids) == 1 and ids >= 0
            assert target.sum() == (instance == ids).sum()
        assert crop.targets[0, 0]
        assert crop.answers[0].logits.shape == (3, 3, len(instance))
        assert crop.answers[1].logits.shape == (3, 1, len(instance))
        assert len(crop.patch_instance) == crop.tokens.shape[1]
        assert set(crop.patch_instance.tolist()) <= set(instance.tolist())


def test_evaluation_leaves_nothing_to_chance():
    training = ClickTraining(small_network(), rounds=3).eval()
    batch = batch_of(3)
    with torch.inference_mode():
        (one,), (other,) = training(batch), training(batch)
    assert torch.equal(one.answers[-1].logits, other.answers[-1].logits)
    assert one.targets.shape == (2, len(batch.points))


def test_it_learns_and_its_checkpoint_is_read(tmp_path):
    """A few steps on one batch; coloured cubes are easily told apart."""
    torch.manual_seed(0)
    training = ClickTraining(small_network(), rounds=3, fewest_points=300).train()
    optimizer = torch.optim.AdamW(training.parameters(), lr=3e-3)
    objective, batch = PromptObjective(), batch_of(0, 1, points=300)
    losses = []
    for _ in range(50):
        loss = objective(training(batch), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    unused = {n for n, p in training.named_parameters() if p.grad is None}
    assert not unused

    torch.save({"state_dict": training.state_dict()}, tmp_path / "checkpoint.pt")
    config = training.network.config
    loaded = load_point_sam(tmp_path / "checkpoint.pt", config=config)
    assert torch.equal(
        loaded.pc_encoder.out_proj.weight, training.network.pc_encoder.out_proj.weight
    )


def test_the_recipe_builds_what_it_names(tmp_path):
    pytest.importorskip("hydra", reason="training needs pip install .[train]")
    from hydra.utils import instantiate

    from seg3d_ros.training.config import load_config

    (tmp_path / "names.txt").write_text("floor\ncube\n")
    config = load_config(
        "point_sam_mini", [f"paths.data_dir={tmp_path}", "data.train_transform.points=300"]
    )
    crop = instantiate(config.data.train_transform)(sample_of(), np.random.default_rng(0))
    assert len(crop) <= 300
    training = instantiate(config.model)
    assert training.network.config is MINI
    assert isinstance(instantiate(config.loss), PromptObjective)
