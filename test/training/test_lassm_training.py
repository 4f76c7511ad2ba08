"""A LaSSM from its recipe to the checkpoint that the segmenter reads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from support.toy_dataset import write_dataset
from support.word_vectors import WordVectors

from seg3d_ros.datasets.scene_dataset import ScanNetDataset, collate, instance_classes
from seg3d_ros.errors import InputError
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.lassm.decoder import LassmDecoder, Superpoints
from seg3d_ros.networks.lassm.inputs import InputConfig
from seg3d_ros.networks.lassm.instances import find_instances
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.spunet import SpUNet
from seg3d_ros.networks.minkunet34c import MinkUNet34C
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.segmenters import closed_set
from seg3d_ros.segmenters.checkpoint_model import segmenter_of_checkpoint
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.settings import LassmSettings, ModelSettings
from seg3d_ros.segmenters.superpoints import segment_cloud
from seg3d_ros.training.first_weights import load_first_weights
from seg3d_ros.training.lassm_objective import LassmObjective
from seg3d_ros.training.lassm_targets import build_lassm_targets
from seg3d_ros.training.schedule import PolynomialDecay

SMALL = ["model.backbone.num_planes=[8,12]", "model.decoder.width=64", "data.label_set=names"]
BRIEF = ["train.max_steps=2", "train.num_workers=0", "train.precision=32", "device=cpu"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data"), rooms=2, points=400)


def small_network(classes):
    torch.manual_seed(0)
    decoder = LassmDecoder(8, classes, width=64, num_blocks=(1, 1), attention_layers=1)
    return LaSSM(SpUNet(6, (8, 12)), decoder, InputConfig(0.05))


def batch_of(root):
    scenes = ScanNetDataset(root, "train", superpoints=True)
    return collate([scenes[0], scenes[1]])


def test_what_the_recipe_trains_is_ready_for_use(root, tmp_path, monkeypatch):
    pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")
    from seg3d_ros.training.config import load_config
    from seg3d_ros.training.run import run

    folders = [f"paths.data_dir={root}", f"paths.output_dir={tmp_path}", "data.val_split=null"]
    run(load_config("lassm", [*folders, *SMALL, *BRIEF]))
    path = tmp_path / "checkpoint.pt"
    trained = load_trained(path)
    assert isinstance(trained.network, LaSSM)
    assert trained.class_names == ("crate", "ball")  # no floor, no wall
    assert segmenter_of_checkpoint(path) == "lassm"
    monkeypatch.setattr(closed_set, "load_text_encoder", lambda *_, **__: WordVectors())
    models = ModelSettings(lassm=LassmSettings(str(path), device="cpu"))
    segmenter = load_segmenter("lassm", models)
    assert segmenter.name == "lassm"


def test_the_recipe_on_the_backbone_of_mini_runs(root, tmp_path):
    pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")
    from seg3d_ros.training.config import load_config
    from seg3d_ros.training.run import run

    folders = [f"paths.data_dir={root}", f"paths.output_dir={tmp_path}", "device=cpu"]
    run(load_config("lassm_mini", [*folders, "train.max_steps=1"]))
    network = load_trained(tmp_path / "checkpoint.pt").network
    assert network.backbone.out_channels == network.decoder.x_mask[0].in_features


def test_it_learns_a_room_by_heart(root):
    torch.set_num_threads(1)
    network, batch = small_network(2), batch_of(root)
    objective = LassmObjective(classes=list(instance_classes("names", root)))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        losses.append(objective(network(batch), batch))
        losses[-1]["total"].backward()
        optimizer.step()
    assert losses[-1]["total"] < 0.5 * losses[0]["total"]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_the_decoder_finds_every_object_that_it_has_seen():
    torch.manual_seed(0)
    decoder = LassmDecoder(16, 2, width=64, num_blocks=(1, 1), attention_layers=1, num_queries=20)
    superpoints = Superpoints(torch.randn(40, 16), torch.rand(40, 3) * 4)
    owner = torch.arange(40) // 5  # eight objects of five superpoints
    targets = build_lassm_targets(
        superpoints.centers, owner % 2, owner, torch.arange(40), num_classes=2
    )
    objective = LassmObjective(classes=[0, 1])
    optimizer = torch.optim.AdamW(decoder.parameters(), 2e-3)
    for _ in range(100):
        optimizer.zero_grad()
        decoded = decoder(superpoints)
        losses = objective.scene_losses(decoded, targets, superpoints.centers)
        sum(loss.sum() for loss in losses.values()).backward()
        optimizer.step()
    found = find_instances(decoded.stages[-1], torch.ones(40), top_k=8, min_points=1)
    rows = [torch.nonzero((found.masks == mask).all(1)).flatten() for mask in targets.masks.bool()]
    assert [len(row) for row in rows] == [1] * 8
    assert torch.equal(found.classes[torch.cat(rows)], targets.labels)
    assert found.scores.min() > 0.9


def test_the_masks_of_every_stage_are_learned(root):
    network, batch = small_network(2), batch_of(root)
    found = network(batch)
    stages = [heads for scene in found for heads in scene.decoded.stages]
    for heads in stages:
        heads.queries.retain_grad()
    objective = LassmObjective(classes=list(instance_classes("names", root)))
    for scene, targets in zip(found, objective.targets(found, batch), strict=True):
        losses = objective.scene_losses(scene.decoded, targets, scene.centers)
        losses["dice"].sum().backward(retain_graph=True)
    assert all(heads.queries.grad.abs().sum() > 0 for heads in stages)


def test_it_starts_from_a_model_of_other_classes(tmp_path):
    released, ours = small_network(5), small_network(2)
    torch.nn.init.zeros_(released.decoder.out_norm.weight)
    path = tmp_path / "model_best.pth"
    state = {"module." + name: tensor for name, tensor in released.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 1}, path)
    before = ours.decoder.out_cls[2].weight.clone()
    load_first_weights(ours, path)
    for name, tensor in ours.state_dict().items():
        if not name.startswith(("decoder.sp_seg_head.2.", "decoder.out_cls.2.")):
            assert torch.equal(tensor, released.state_dict()[name]), name
    assert torch.equal(ours.decoder.out_cls[2].weight, before)
    assert all(parameter.requires_grad for parameter in ours.parameters())


def test_it_starts_from_a_backbone(tmp_path):
    other, ours = small_network(2), small_network(2)
    state = {n: t + 1 for n, t in other.state_dict().items() if n.startswith("backbone.")}
    torch.save(state, tmp_path / "backbone.pth")
    decoder = ours.decoder.out_norm.weight.clone()
    load_first_weights(ours, tmp_path / "backbone.pth")
    name = "backbone.input_conv.0.weight"
    assert torch.equal(ours.state_dict()[name], state[name])
    assert torch.equal(ours.decoder.out_norm.weight, decoder)
    del state[name]
    torch.save(state, tmp_path / "backbone.pth")
    with pytest.raises(CheckpointError, match=r"missing: backbone\.input_conv\.0\.weight"):
        load_first_weights(ours, tmp_path / "backbone.pth")


def test_it_starts_from_the_backbone_of_spformer(tmp_path):
    other, ours = small_network(2), small_network(2)
    weights = {name: tensor + 1 for name, tensor in other.backbone.state_dict().items()}
    torch.save({"net": {**weights, "decoder.query.weight": torch.zeros(3)}}, tmp_path / "a.pth")
    load_first_weights(ours, tmp_path / "a.pth")
    for name, tensor in ours.backbone.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_it_starts_from_the_backbone_of_mask3d(tmp_path):
    def network(classes):
        sizes = {"planes": (4,) * 8, "layers": (1,) * 8, "init_dim": 4}
        decoder = LassmDecoder(4, 2, width=64, num_blocks=(1,))
        return LaSSM(MinkUNet34C(3, classes, **sizes), decoder, InputConfig(0.05))

    other, ours = network(7), network(5)
    state = {f"model.backbone.{n}": t + 1 for n, t in other.backbone.state_dict().items()}
    torch.save({"state_dict": {**state, "model.query.weight": torch.zeros(3)}}, tmp_path / "a.pth")
    load_first_weights(ours, tmp_path / "a.pth")
    for name, tensor in ours.backbone.state_dict().items():
        if not name.startswith("final."):  # is not used, and of other classes
            assert torch.equal(tensor, state[f"model.backbone.{name}"]), name


def test_other_weights_are_refused_with_a_sentence(tmp_path):
    torch.save({"head.weight": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="neither a LaSSM nor a backbone of SPFormer"):
        load_first_weights(small_network(2), tmp_path / "a.pth")


def test_scenes_of_a_batch_do_not_touch(root):
    network, batch = small_network(2).eval(), batch_of(root)
    alone = collate([ScanNetDataset(root, "train", superpoints=True)[1]])
    with torch.inference_mode():
        together, single = network(batch)[1], network(alone)[0]
        labels = [scene.decoded.stages[-1].labels for scene in (together, single)]
    torch.testing.assert_close(*labels)


def test_a_slip_of_the_reference_is_an_option(root):
    network, batch = small_network(2).eval(), batch_of(root)
    classes = list(instance_classes("names", root))
    with torch.inference_mode():
        output = network(batch)
        published, mended = (
            LassmObjective(classes=classes, final_dice_by_batch=slip)(output, batch)
            for slip in (True, False)
        )
    torch.testing.assert_close(published["dice"], 2 * mended["dice"])
    torch.testing.assert_close(published["total"], mended["total"] + mended["dice"])


def test_scenes_without_objects_give_finite_gradients(root):
    network, batch = small_network(2), batch_of(root)
    batch.instance.fill_(-1)
    losses = LassmObjective(classes=[2, 3])(network(batch), batch)
    losses["total"].backward()
    assert losses["total"].isfinite()


def test_superpoints_are_read_or_made(root, tmp_path):
    sample = ScanNetDataset(root, "train", superpoints=True)[0]
    assert np.array_equal(sample.superpoint, segment_cloud(sample.points))
    other = write_dataset(tmp_path / "data", rooms=1)
    np.save(other / "train/room_0/superpoint.npy", np.arange(len(sample)))
    assert ScanNetDataset(other, "train", superpoints=True)[0].superpoint[5] == 5


def test_voxels_are_made_where_the_grid_sees_the_points(root):
    sample = ScanNetDataset(root, "train", superpoints=True)[0]
    network = small_network(2)
    squeezed = dataclasses.replace(sample, bent=sample.points * np.float32([1, 1, 0]))
    batch = collate([squeezed, sample])
    parts = [slice(0, len(sample)), slice(len(sample), 2 * len(sample))]
    flat, plain = (network._prepare(batch, part, network.input_config) for part in parts)
    assert flat.voxels.grid.coordinates[:, 3].max() == 0
    assert torch.equal(plain.voxels.grid.coordinates, batch_cells(network, sample))
    rows = flat.voxel_of
    heights = torch.from_numpy(sample.points[:, 2] - sample.points[:, 2].mean())
    first = [int(torch.nonzero(rows == voxel)[0]) for voxel in range(5)]
    torch.testing.assert_close(flat.positions[:5, 2], heights[first])


def batch_cells(network, sample):
    alone = collate([sample])
    prepared = network._prepare(alone, slice(0, len(sample)), network.input_config)
    return prepared.voxels.grid.coordinates


def test_without_superpoints_it_says_so(root):
    scenes = ScanNetDataset(root, "train")
    with pytest.raises(InputError, match=r"data\.superpoints=true"):
        small_network(2)(collate([scenes[0]]))


def test_the_learning_rate_falls_along_a_power():
    decay = PolynomialDecay(0.9)
    assert decay(0, 10) == 1 and decay(10, 10) == 0
    assert decay(5, 10) == pytest.approx(0.5**0.9)
