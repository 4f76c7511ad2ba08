"""A MaskFormer from its recipe to the checkpoint that segmenters read."""

from __future__ import annotations

import pytest
import torch
from support.toy_dataset import write_dataset

from seg3d_ros.datasets.scene_dataset import load_class_names
from seg3d_ros.networks.checkpoint import read_state_dict
from seg3d_ros.networks.maskformer.network import MaskFormer
from seg3d_ros.networks.trained import load_trained

pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")

SMALL = [
    "model.backbone._target_=seg3d_ros.networks.minkunet.MinkUNet",
    "+model.backbone.planes=[8,8,8,8,8,8,8,8]",
    "+model.backbone.layers=[1,1,1,1,1,1,1,1]",
    "+model.backbone.init_dim=8",
    "model.hidden_dim=16",
    "model.num_decoders=2",
    "model.deep_supervision=true",
]
BRIEF = ["train.max_steps=2", "train.num_workers=0", "train.precision=32", "device=cpu"]


def test_what_the_recipe_trains_is_ready_for_use(tmp_path):
    from seg3d_ros.training.config import load_config
    from seg3d_ros.training.run import run

    root = write_dataset(tmp_path / "data", rooms=2, points=400)
    folders = [f"paths.data_dir={root}", f"paths.output_dir={tmp_path}", "data.val_split=null"]
    config = load_config("train", ["data=rooms", *folders, *SMALL, *BRIEF])
    torch.manual_seed(0)
    run(config)
    trained = load_trained(tmp_path / "checkpoint.pt")
    assert isinstance(trained.network, MaskFormer)
    assert trained.class_names == load_class_names("names", root)
    expected = read_state_dict(tmp_path / "checkpoint.pt")
    assert all(torch.equal(t, expected[n]) for n, t in trained.network.state_dict().items())
    assert int(trained.network.backbone.inner_module.conv0[1].num_batches_tracked) == 2
