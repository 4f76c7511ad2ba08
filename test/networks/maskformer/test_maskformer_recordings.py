"""MaskFormer against recordings of the reference: outputs, stages, decoded instances."""

from __future__ import annotations

import pytest
import torch
from support.parity import recordings
from support.recorded_maskformer import batch_of, network_of, scene_outputs

from seg3d_ros.networks.maskformer.network import decode_instances
from seg3d_ros.sparse.grid import pack

RECORDED = recordings("maskformer", having="loss_config")
# The recordings' own advice: two float32 implementations differ by 3e-4 of the deviation, as the
# fastest waves of the position encoding turn rounding errors of the coordinates into phases.
FEATURES, MASKS = 1e-3, 2e-3


def assert_close(ours, theirs, what, *, tolerance=FEATURES):
    assert ours.shape == theirs.shape, what
    error = float((ours.cpu() - theirs).abs().max() / theirs.std())
    assert error <= tolerance, f"{what}: off by {error:.2g} standard deviations"


class Stages:
    """Tensors that pass through the parts of a network, by the names in the recordings."""

    def __init__(self, network):
        self.seen = {}
        backbone = network.backbone.inner_module
        parts = {name: getattr(backbone, name) for name in self._unet_stages(backbone)}
        parts |= {f"layer{i}": part for i, part in enumerate(network.mask_transformer.layers)}
        parts["mask_features"] = network.mask_features_head
        for name, part in parts.items():
            part.register_forward_hook(lambda _, __, out, name=name: self._keep(name, out))

    def _unet_stages(self, backbone):
        return [name for name, _ in backbone.named_children() if not name.startswith("convtr")]

    def _keep(self, name, out):
        self.seen[name] = [*self.seen.get(name, []), out]


@pytest.fixture(params=RECORDED, ids=str)
def recording(request):
    return request.param


@pytest.fixture
def evaluated(recording, device):
    network = network_of(recording).to(device).eval()
    stages = Stages(network)
    with torch.inference_mode():
        return network(batch_of(recording).to(device)), stages.seen


def test_outputs_agree_with_the_reference(recording, evaluated):
    output, _ = evaluated
    assert_close(output.logits, recording.arrays["eval/logits"], "logits")
    for scene, (_, masks) in enumerate(scene_outputs(recording, "eval")):
        assert_close(output.masks[scene], masks, f"masks of scene {scene}", tolerance=MASKS)


def test_transformer_agrees_layer_by_layer(recording, evaluated):
    _, seen = evaluated
    layers = [name for name in recording.below("eval/mid/") if name.startswith("layer")]
    for name in layers:
        assert_close(seen[name][0], recording.arrays[f"eval/mid/{name}"], name)


def test_backbone_agrees_stage_by_stage(recording, evaluated):
    _, seen = evaluated
    expected = recording.below("eval/mid/unet/")
    stages = [name.removeprefix("coords_") for name in expected if name.startswith("coords_")]
    assert stages
    for name in stages:
        ours = seen[name][0]
        theirs = torch.argsort(pack(expected[f"coords_{name}"]))
        keys, rows = ours.grid.sorted_keys
        assert torch.equal(keys.cpu(), pack(expected[f"coords_{name}"])[theirs]), name
        assert_close(ours.features[rows], expected[f"feat_{name}"][theirs], name)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_points_are_given_to_the_same_queries(recording, mode):
    for scene, (logits, masks) in enumerate(scene_outputs(recording, mode)):
        for name, min_score in (("decoded", 0.5), ("decoded_score0.2", 0.2)):
            expected = recording.arrays[f"{mode}/{name}/{scene}"]
            assert torch.equal(decode_instances(logits, masks, min_score=min_score), expected)


def test_our_outputs_decode_alike(recording, evaluated):
    output, _ = evaluated
    for scene, masks in enumerate(output.masks):
        ours = decode_instances(output.logits[scene], masks).cpu()
        assert (ours == recording.arrays[f"eval/decoded/{scene}"]).float().mean() > 0.999
