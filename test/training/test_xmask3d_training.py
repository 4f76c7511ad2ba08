"""XMask3D from labelled views to a checkpoint that its segmenter reads."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import pytest
import torch
from support.toy_views import BASE, NAMES, NOVEL, small_training, write_labelled_views
from support.xmask3d import small_branch

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.errors import InputError
from seg3d_ros.networks.xmask3d import checkpoints, view_input
from seg3d_ros.segmenters.checkpoint_model import segmenter_of_checkpoint
from seg3d_ros.text.class_splits import class_splits
from seg3d_ros.training.first_weights import load_first_weights
from seg3d_ros.training.learner import Learner, LearnerSettings
from seg3d_ros.training.view_dataset import ViewBatch, ViewDataset
from seg3d_ros.training.xmask3d_objective import XMask3DObjective

SETTINGS = LearnerSettings("adamw", 0.01, 1.0, "32", 0.0, 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_labelled_views(tmp_path_factory.mktemp("views"))


@pytest.fixture(scope="module", autouse=True)
def small_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_input, "IMAGE_EDGE", 128)
        yield


@pytest.fixture(scope="module")
def batch(root):
    views = ViewDataset(ScanNetDataset(root, "train"), turned=True, seed=0)
    return views.collate([views[0], views[1]])


def objective():
    return XMask3DObjective(NAMES, BASE, NOVEL)


def test_views_depend_on_seed_epoch_and_index_alone(root):
    def voxels(seed, epoch, row):
        views = ViewDataset(ScanNetDataset(root, "train"), turned=True, seed=seed)
        views.epoch = epoch
        return views[row].view.voxels.voxels.grid.coordinates

    first = voxels(0, 0, 0)
    assert torch.equal(first, voxels(0, 0, 0))
    for other in (voxels(1, 0, 0), voxels(0, 1, 0), voxels(0, 0, 1)):
        assert first.shape != other.shape or not torch.equal(first, other)


def test_labels_are_those_of_the_visible_points(root):
    scenes = ScanNetDataset(root, "train")
    labelled = ViewDataset(scenes, turned=False, seed=0)[0]
    expected = scenes[0].segment[labelled.view.points]
    np.testing.assert_array_equal(labelled.segment, expected)
    assert set(expected) == {0, 1, 2, 3}


def test_rooms_far_from_zero_are_seen_too(root, tmp_path):
    """The dataset moves them, the poses of their frames do not move."""
    views = ViewDataset(ScanNetDataset(root, "train"), turned=False, seed=0)
    far = write_labelled_views(tmp_path / "far", rooms=1)
    shift = np.array([4000.0, -7000.0, 0.0])
    path = far / "train" / "room_0" / "coord.npy"
    np.save(path, np.load(path).astype(np.float64) + shift)
    poses = far / "recordings" / "room_0" / "groundtruth.txt"
    lines = [list(map(float, line.split())) for line in poses.read_text().splitlines()]
    moved = [[line[0], *(np.array(line[1:4]) + shift), *line[4:]] for line in lines]
    poses.write_text("".join(" ".join(f"{n:.9f}" for n in line) + "\n" for line in moved))
    seen = ViewDataset(ScanNetDataset(far, "train"), turned=False, seed=0)[0]
    assert len(seen.segment) == pytest.approx(len(views[0].segment), rel=0.01)


def test_frames_may_lie_beside_the_points(root, tmp_path):
    moved = write_labelled_views(tmp_path / "moved", rooms=1)
    recordings = moved / "recordings"
    shutil.copytree(recordings / "room_0", moved / "train" / "room_0", dirs_exist_ok=True)
    shutil.rmtree(recordings)
    there, here = (
        ViewDataset(ScanNetDataset(folder, "train"), turned=False, seed=0)[0]
        for folder in (root, moved)
    )
    assert torch.equal(there.view.image, here.view.image)


def test_a_scene_that_no_frame_shows_is_named(tmp_path):
    blank = write_labelled_views(tmp_path / "blank", rooms=1)
    path = blank / "train" / "room_0" / "segment.npy"
    np.save(path, np.full_like(np.load(path), -1))
    with pytest.raises(InputError, match="room_0"):
        ViewDataset(ScanNetDataset(blank, "train"), turned=False, seed=0)[0]


def test_losses_fall_and_the_frozen_networks_stay(batch):
    model = small_training()
    frozen = model._frozen
    before = [copy.deepcopy(part.state_dict()) for part in (frozen.diffusion, frozen.clip)]
    own = {name: weight.clone() for name, weight in model.named_parameters()}
    learner = Learner(model, objective(), settings=SETTINGS)
    view = ViewBatch(batch.views[:1])
    steps = [learner.learn(view, step=step, rate=2e-3).losses for step in range(5)]
    assert steps[-1]["total"] < 0.8 * steps[0]["total"]
    assert all(steps[-1][name] < loss for name, loss in steps[0].items())
    for part, kept in zip((frozen.diffusion, frozen.clip), before, strict=True):
        assert not any(child.training for child in part.children())
        for name, tensor in part.state_dict().items():
            assert torch.equal(tensor, kept[name]), name
    unused = [name for name, weight in model.named_parameters() if torch.equal(weight, own[name])]
    assert not unused


def test_gradients_reach_the_points_through_the_frozen_diffusion(batch):
    model = small_training().train()
    with torch.no_grad():
        for alpha in ("alpha_cond", "alpha_cond_time_embed"):
            model.backbone["feature_extractor"].get_parameter(alpha).fill_(0.5)
    said = model(ViewBatch(batch.views[:1]))
    said[0].mask_logits.sum().backward()
    adapter = model.pc_decoder.point2text_adapter.weight.grad
    assert adapter is not None and adapter.abs().sum() > 0
    assert all(weight.grad is None for weight in model._frozen.diffusion.parameters())


def test_what_the_recipe_trains_goes_on_and_is_ready_for_use(root, tmp_path, monkeypatch):
    pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")
    from seg3d_ros.training.config import load_config
    from seg3d_ros.training.run import run

    given = [
        f"paths.data_dir={root}", "data.val_split=null", "schedule=step_decay",
        "data.label_set=names", f"data.base=[{','.join(BASE)}]", f"data.novel=[{NOVEL[0]}]",
        "model._target_=support.toy_views.small_training", "train.num_workers=0", "device=cpu",
        "train.precision=32",
    ]  # fmt: skip
    for folder, stops in ((tmp_path, (1, 2)), (tmp_path / "straight", (2,))):
        for steps in stops:
            own = [f"paths.output_dir={folder}", f"train.max_steps={steps}"]
            run(load_config("xmask3d", [*given, *own]))
    path = tmp_path / "checkpoint.pt"
    trained = torch.load(path, weights_only=True)["state_dict"]
    straight = torch.load(folder / "checkpoint.pt", weights_only=True)["state_dict"]
    assert all(torch.equal(tensor, straight[name]) for name, tensor in trained.items())
    monkeypatch.setattr(checkpoints, "released_branch", small_branch)
    checkpoints.load_branch(path)
    again = small_training()
    load_first_weights(again, path)
    assert all(torch.equal(tensor, trained[name]) for name, tensor in again.state_dict().items())


@pytest.mark.parametrize("partition", class_splits())
def test_every_partition_has_a_recipe(partition, root, tmp_path):
    pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")
    from seg3d_ros.training.config import load_config

    name = "xmask3d" if partition == "b15n4" else f"xmask3d_{partition}"
    config = load_config(name)
    split = class_splits()[partition]
    assert tuple(config.model.base) == tuple(config.loss.base) == split.base
    assert tuple(config.loss.novel) == split.novel
    losses = XMask3DObjective(config.loss.class_names, config.loss.base, config.loss.novel)
    assert int((losses.base_of >= 0).sum()) == len(split.base)
    recipe = {"recipe": f"model: {{_target_: {config.model._target_}}}", "state_dict": {}}
    torch.save(recipe, tmp_path / "checkpoint.pt")
    assert segmenter_of_checkpoint(tmp_path / "checkpoint.pt") == "xmask3d"
