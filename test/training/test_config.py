from __future__ import annotations

import dataclasses

import pytest
import torch

from seg3d_ros.networks.lassm.releases import RELEASES

hydra = pytest.importorskip("hydra.utils", reason="training needs Hydra: pip install .[train]")
OmegaConf = pytest.importorskip("omegaconf").OmegaConf
configs = pytest.importorskip("seg3d_ros.training.config")

# The configuration of WarpConvNet's MaskFormer example.
RECIPE = {
    "paths.data_dir": "~/datasets/scannet_hf",
    "paths.output_dir": "./results/maskformer",
    "paths.ckpt_path": None,
    "train.batch_size": 2,
    "train.lr": 0.001,
    "train.weight_decay": 1e-4,
    "train.clip_norm": 1.0,
    "train.epochs": 100,
    "train.step_size": 25,
    "train.gamma": 0.5,
    "train.num_workers": 4,
    "train.log_every": 20,
    "train.precision": "16-mixed",
    "data.label_set": "scannet20",
    "data.voxel_size": 0.01,
    "data.ignore_index": -1,
    "data.train_transform._target_":
        "seg3d_ros.training.augmentation.default_train_augmentations",
    "data.train_transform.crop_size": 6.0,
    "data.train_transform.min_points": 5000,
    "model.hidden_dim": 96,
    "model.num_queries": 100,
    "model.num_heads": 8,
    "model.num_decoders": 6,
    "model.dim_feedforward": 256,
    "model.dropout": 0.1,
    "model.backbone_voxel_size": 0.02,
    "model.backbone._target_": "seg3d_ros.networks.minkunet.MinkUNet18",
    "model.backbone.in_channels": 3,
    "model.backbone.out_channels": 96,
    "loss.cls_weight": 1.0,
    "loss.bce_weight": 5.0,
    "loss.dice_weight": 5.0,
    "loss.no_object_weight": 0.1,
    "viz.enabled": False,
    "viz.port": 8080,
    "viz.interval_seconds": 10,
    "viz.voxel_size": 0.02,
    "viz.score_thresh": 0.5,
    "viz.mask_thresh": 0.0,
    "device": "cuda",
    "seed": 42,
}  # fmt: skip


def test_the_recipe_is_complete():
    config = configs.load_config()
    missing = object()
    ours = {key: OmegaConf.select(config, key, default=missing) for key in RECIPE}
    # A key that is there with the value null is no missing key.
    assert {key: value for key, value in ours.items() if value is not missing} == RECIPE


def test_the_recipe_builds_the_recorded_network():
    model = hydra.instantiate(configs.load_config().model)
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_473_781


@pytest.mark.parametrize("backbone", ["minkunet34", "minkunet50", "spaceformer"])
def test_backbones_can_be_swapped(backbone):
    overrides = [f"model/backbone={backbone}", "model.num_decoders=1"]
    model = hydra.instantiate(configs.load_config(overrides=overrides).model)
    assert len(list(model.backbone.parameters())) > 100


def test_mini_changes_the_recipe_and_keeps_its_keys():
    recipe, mini = configs.load_config("train"), configs.load_config("mini")
    assert mini.data.label_set == "names"
    assert set(recipe.train) == set(mini.train)
    assert set(recipe.data) == set(mini.data)
    lassm = ("lassm", "lassm_mini", "lassm_scannet200", "lassm_scannetpp")
    xmask3d = ("xmask3d", *(f"xmask3d_{p}" for p in ("b10n9", "b12n7", "b150n50", "b170n30")))
    assert configs.config_names() == (
        *lassm,
        "mini",
        "mini_clicks",
        "point_sam_mini",
        "train",
        *xmask3d,
    )


@pytest.mark.parametrize(
    ("name", "classes", "parameters"),
    [
        ("lassm", 18, 18_348_497),
        ("lassm_scannet200", 198, 45_419_681),
        ("lassm_scannetpp", 84, 18_382_421),
    ],
)
def test_recipes_of_lassm_build_the_released_networks(name, classes, parameters):
    config = configs.load_config(name)
    assert len(config.data.class_names) == classes
    with torch.device("meta"):
        network = hydra.instantiate(config.model)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert hydra.instantiate(config.data.train_transform) is not None
    assert network.input_config == dataclasses.replace(
        RELEASES[name.removeprefix("lassm_").replace("lassm", "scannet")].inputs, turn=0.0
    )


def test_overrides():
    config = configs.load_config(
        overrides=["train.lr=0.01", "data.train_transform=null", "+note=mine"]
    )
    assert config.train.lr == 0.01
    assert config.data.train_transform is None
    assert config.note == "mine"
    assert configs.load_config(overrides=["model.hidden_dim=64"]).model.backbone.out_channels == 64


@pytest.mark.parametrize(("override", "message"), [
    ("train.lrr=1", r"no key 'train.lrr'; did you mean train\.lr"),
    ("trian.lr=1", r"no key 'trian.lr'; did you mean train\.lr"),
    ("zebra=1", r"no key 'zebra'; add it with \+zebra"),
    ("model=resnet", "Could not find 'model/resnet'"),
    ("train.lr", "cannot read 'train.lr'; write it as key=value"),
    ("train.lr={", "cannot read 'train.lr={'; write it as key=value"),
    ("train.lr.x=1", "no key 'train.lr.x'"),
])  # fmt: skip
def test_overrides_that_do_not_fit_are_explained_in_one_line(override, message):
    with pytest.raises(ValueError, match=message) as error:
        configs.load_config(overrides=[override])
    assert "\n" not in str(error.value)


def test_unknown_configurations_are_refused():
    with pytest.raises(
        ValueError,
        match=r"no configuration .maxi.; there are lassm, .*mini_clicks, point_sam_mini, train",
    ):
        configs.load_config("maxi")
