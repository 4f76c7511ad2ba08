"""Networks out of the checkpoints of trainings; what else such a file may say is refused."""

from __future__ import annotations

import pytest
import torch
from support.trained_maskformer import CLASS_NAMES, CONFIG, write_checkpoint

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.maskformer.network import MaskFormer
from seg3d_ros.networks.spaceformer.backbone import Backbone
from seg3d_ros.networks.trained import build, load_trained


def test_a_trained_network_comes_back(tmp_path):
    path, network = write_checkpoint(tmp_path)
    trained = load_trained(path)
    assert isinstance(trained.network, MaskFormer) and not trained.network.training
    assert trained.class_names == CLASS_NAMES
    points, colors = torch.rand(100, 3), torch.rand(100, 3)
    with torch.inference_mode():
        ours, expected = (n.predict(points, colors) for n in (trained.network, network))
    assert torch.equal(ours.logits, expected.logits)


def test_it_builds_what_hydra_builds():
    instantiate = pytest.importorskip("hydra.utils").instantiate
    assert str(build(CONFIG)) == str(instantiate(CONFIG))
    backbone = {
        "_target_": "seg3d_ros.networks.spaceformer.Backbone",
        "config": {
            "_target_": "seg3d_ros.networks.spaceformer.BackboneConfig",
            "out_channels": 16,
            "enc_depths": [1, 1, 1, 1, 1],
        },
    }
    with torch.device("meta"):
        ours, theirs = build(backbone), instantiate(backbone)
    assert isinstance(ours, Backbone) and str(ours) == str(theirs)


def test_recipes_of_version_0_1_name_modules_that_have_moved():
    backbone = {
        "_target_": "seg3d_ros.networks.spaceformer_backbone.Backbone",
        "config": {"_target_": "seg3d_ros.networks.spaceformer_config.BackboneConfig"},
    }
    with torch.device("meta"):
        assert isinstance(build(backbone), Backbone)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "seg3d_ros.networks.checkpoint.Path",
        "seg3d_ros.networks.checkpoint.read_checkpoint",
        "seg3d_ros.networks.nowhere.Network",
        "MaskFormer",
    ],
)
def test_nothing_but_networks_is_called(tmp_path, target):
    path, _ = write_checkpoint(tmp_path, model={"_target_": target, "command": "true"})
    with pytest.raises(CheckpointError, match="describes no network"):
        load_trained(path)


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ("model: [", "describes no network.*YAML"),
        ("data: {class_names: [a]}", "describes no network.*model"),
        ("- 1", "describes no network"),
        (None, "a NoneType, not text"),
        (torch.ones(2), "a Tensor, not text"),
        ({}, "a dict, not text"),
        ("[" * 100_000, "describes no network"),
        ("model: 3\ndata: {class_names: [a]}", "its model is a int"),
    ],
)
def test_a_damaged_recipe_is_refused(tmp_path, recipe, complaint):
    path, _ = write_checkpoint(tmp_path, recipe=recipe)
    with pytest.raises(CheckpointError, match=complaint):
        load_trained(path)


@pytest.mark.parametrize("state", [None, "weights", torch.ones(2), {"class_head.bias": 3}])
def test_weights_that_are_none_are_refused(tmp_path, state):
    path, _ = write_checkpoint(tmp_path, state_dict=state)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt"):
        load_trained(path)


@pytest.mark.parametrize(
    "change", [{"num_heads": 0}, {"hidden_dim": -4}, {"num_queries": "many"}, {"num_decoders": []}]
)
def test_a_recipe_with_impossible_sizes_is_refused(tmp_path, change):
    path, _ = write_checkpoint(tmp_path, model=CONFIG | change)
    with pytest.raises(CheckpointError, match="describes no network"):
        load_trained(path)


def test_weights_without_a_recipe_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "it.pt")
    with pytest.raises(CheckpointError, match="not written by `seg3d train`"):
        load_trained(tmp_path / "it.pt")


def test_weights_of_another_network_are_refused(tmp_path):
    path, _ = write_checkpoint(tmp_path, model=CONFIG | {"num_classes": 7})
    with pytest.raises(CheckpointError, match=r"of another shape: class_head.bias \(4,\)"):
        load_trained(path)
