"""MaskFormer: its tensors, backbones, batches, and how points are given to queries."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from support.parity import OWN

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.maskformer.network import MaskFormer, decode_instances
from seg3d_ros.networks.minkunet import MinkUNet, MinkUNet18
from seg3d_ros.networks.spaceformer.backbone import Backbone
from seg3d_ros.networks.spaceformer.config import BackboneConfig

MANIFEST = json.loads((OWN / "maskformer/manifest.json").read_text())
HEAD = {
    "num_classes": 4,
    "backbone_voxel_size": 0.1,
    "hidden_dim": 16,
    "num_queries": 6,
    "num_heads": 2,
    "num_decoders": 3,
    "dim_feedforward": 24,
}
UNET = {"planes": (8, 8, 12, 12, 12, 8, 8, 8), "layers": (1,) * 8, "init_dim": 8}


def small(**settings):
    torch.manual_seed(1)
    return MaskFormer(MinkUNet(3, 16, **UNET), **{**HEAD, **settings})


def clouds(*counts):
    torch.manual_seed(2)
    drawn = [torch.rand(count, 6) for count in counts]
    points, colors = torch.cat(drawn).split(3, dim=1)
    return points * 2 - 1, colors


def test_default_tensors_are_those_of_the_manifest():
    with torch.device("meta"):
        network = MaskFormer(MinkUNet18(3, 96), num_classes=20)
    ours = {
        name: [list(t.shape), str(t.dtype).removeprefix("torch.")]
        for name, t in network.state_dict().items()
    }
    assert ours == MANIFEST["tensors"]
    assert sum(p.numel() for p in network.parameters()) == MANIFEST["num_parameters"]


def test_a_batch_gives_what_its_scenes_give_alone(device):
    network = small().to(device).eval()
    points, colors = (part.to(device) for part in clouds(200, 120))
    with torch.inference_mode():
        together = network.predict(points, colors, sizes=(200, 120))
        for scene, part in enumerate((slice(0, 200), slice(200, None))):
            alone = network.predict(points[part], colors[part])
            torch.testing.assert_close(
                together.logits[scene], alone.logits[0], rtol=1e-3, atol=1e-4
            )
            torch.testing.assert_close(together.masks[scene], alone.masks[0], rtol=1e-3, atol=1e-3)


def test_order_of_points_does_not_matter():
    network = small().eval()
    points, colors = clouds(200)
    order = torch.randperm(200)
    with torch.inference_mode():
        one, other = network.predict(points, colors), network.predict(points[order], colors[order])
    torch.testing.assert_close(one.logits, other.logits, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(one.masks[0][:, order], other.masks[0], rtol=1e-3, atol=1e-3)


def test_the_backbone_of_spaceformer_fits():
    levels = {"num_head": (2, 2), "patch_size": (4, 16), "depths": (1, 1), "rope_bases": (9, 9)}
    config = BackboneConfig(
        out_channels=16,
        enc_channels=(12, 24),
        enc_attn_types="sc",
        dec_channels=(24,),
        dec_attn_types="s",
        **{f"enc_{name}": value for name, value in levels.items()},
        **{f"dec_{name}": value[:1] for name, value in levels.items()},
    )
    network = MaskFormer(Backbone(config), **HEAD)
    output = network.predict(*clouds(150, 100), sizes=(150, 100))
    assert [masks.shape for masks in output.masks] == [(6, 150), (6, 100)]


def test_all_layers_are_predicted_from_only_where_asked_for_and_in_training():
    network = small(deep_supervision=True, dropout=0.0).train()
    points, colors = clouds(150)
    training = network.predict(points, colors)
    assert len(training.early) == HEAD["num_decoders"] - 1
    assert not network.eval().predict(points, colors).early
    assert not small().train().predict(points, colors).early
    # A network that ends after two of the three layers says what the second says here.
    shorter = small(num_decoders=2, dropout=0.0).train()
    shorter.load_state_dict(
        {name: tensor for name, tensor in network.state_dict().items() if ".layers.2." not in name}
    )
    expected = shorter.train().predict(points, colors)
    torch.testing.assert_close(training.early[1].logits, expected.logits, rtol=1e-3, atol=1e-4)


def test_points_too_far_away_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        small().predict(torch.full((3, 3), torch.nan), torch.zeros(3, 3))


def decode_slowly(logits, masks, min_score):
    scores = torch.softmax(logits, 1)[:, :-1].amax(1).numpy()
    owners = []
    for column in masks.t().numpy():
        values = [(m * s, query) for query, (m, s) in enumerate(zip(column, scores, strict=True))]
        best = max((v for v in values if scores[v[1]] > min_score), default=None)
        owners.append(best[1] if best and column[best[1]] > 0 else -1)
    return np.array(owners)


@pytest.mark.parametrize("min_score", [0.2, 0.35, 0.999])
def test_each_point_goes_to_the_best_query(min_score):
    torch.manual_seed(3)
    logits, masks = torch.randn(6, 5) * 2, torch.randn(6, 80)
    ours = decode_instances(logits, masks, min_score=min_score).numpy()
    assert np.array_equal(ours, decode_slowly(logits, masks, min_score))


def test_batches_move_with_all_their_tensors():
    points, colors = clouds(3, 2)
    labels = torch.arange(5)
    names = ("one", "other")
    more = {
        "share": points[:, 0], "segments": labels[:, None], "superpoint": labels, "bent": points,
    }  # fmt: skip
    batch = SceneBatch(points, colors, points, labels, labels, (3, 2), names, **more)
    moved = batch.to("meta")
    assert len(moved) == 2 and moved.names == batch.names and moved.sizes == batch.sizes
    tensors = [v for v in vars(moved).values() if isinstance(v, torch.Tensor)]
    assert len(tensors) == len(dataclasses.fields(batch)) - 2
    assert all(tensor.device.type == "meta" for tensor in tensors)
