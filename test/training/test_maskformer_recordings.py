"""Training MaskFormer against recordings: targets, assignment, losses, gradients, statistics."""

from __future__ import annotations

import pytest
import torch
from support.parity import recordings
from support.recorded_maskformer import batch_of, network_of, scene_outputs

from seg3d_ros.networks.maskformer.network import MaskFormerOutput
from seg3d_ros.training.maskformer_objective import MaskFormerObjective
from seg3d_ros.training.matching import match

RECORDED = recordings("maskformer", having="loss_config")
MODES = ["eval", "train"]
LOSS = 1e-4  # relative
GRADIENT = 1e-2  # of a parameter's gradient norm


@pytest.fixture(params=RECORDED, ids=str)
def recording(request):
    return request.param


def objective_of(recording):
    classes = recording.description["config"]["head"]["num_classes"]
    return MaskFormerObjective(num_classes=classes, **recording.description["loss_config"])


def expected_losses(recording, mode):
    return pytest.approx(recording.description["results"][mode]["loss"], rel=LOSS)


def test_targets_are_those_of_the_reference(recording):
    targets = objective_of(recording).targets(batch_of(recording))
    for scene, own in enumerate(targets):
        expected = recording.below(f"target/{scene}/")
        assert torch.equal(own.labels, expected["labels"])
        assert torch.equal(own.masks, expected["masks"])


@pytest.mark.parametrize("mode", MODES)
def test_queries_are_assigned_as_in_the_reference(recording, mode):
    objective = objective_of(recording)
    targets = objective.targets(batch_of(recording))
    expected = recording.description["results"][mode]["matching_query_target"]
    for scene, (logits, masks) in enumerate(scene_outputs(recording, mode)):
        ours = match(logits, masks, targets[scene], weights=objective.weights)
        assert [part.tolist() for part in ours] == expected[scene]


@pytest.mark.parametrize("mode", MODES)
def test_losses_of_recorded_outputs_agree(recording, mode):
    logits, masks = zip(*scene_outputs(recording, mode), strict=True)
    losses = objective_of(recording)(
        MaskFormerOutput(torch.stack(logits), masks), batch_of(recording)
    )
    assert {name: float(loss) for name, loss in losses.items()} == expected_losses(recording, mode)


@pytest.mark.parametrize("mode", MODES)
def test_losses_of_our_outputs_agree(recording, mode, device):
    network = network_of(recording).to(device).train(mode == "train")
    batch = batch_of(recording).to(device)
    with torch.no_grad():
        losses = objective_of(recording).to(device)(network(batch), batch)
    assert {name: float(loss) for name, loss in losses.items()} == expected_losses(recording, mode)


def test_a_training_step_has_the_gradients_of_the_reference(recording, device):
    network = network_of(recording).to(device).train()
    batch = batch_of(recording).to(device)
    objective_of(recording).to(device)(network(batch), batch)["total"].backward()
    ours = {name: parameter.grad.cpu() for name, parameter in network.named_parameters()}
    expected = recording.description["results"]["train_grad_norm_and_sum"]
    assert ours.keys() == expected.keys()
    for name, (norm, total) in expected.items():
        allowed = GRADIENT * norm + 1e-4
        assert float(ours[name].norm()) == pytest.approx(norm, abs=allowed), name
        spread = allowed * ours[name].numel() ** 0.5
        assert float(ours[name].sum()) == pytest.approx(total, abs=spread), name
    for name, gradient in recording.below("train/grad/").items():
        assert float((ours[name] - gradient).norm()) <= GRADIENT * float(gradient.norm()), name


def test_a_training_step_moves_the_statistics_like_the_reference(recording, device):
    network = network_of(recording).to(device).train()
    network(batch_of(recording).to(device))
    ours, expected = network.state_dict(), recording.below("train/buffer_after/")
    assert expected
    for name, buffer in expected.items():
        torch.testing.assert_close(ours[name].cpu(), buffer, rtol=1e-3, atol=1e-4, msg=name)
