"""LaSSM against recordings of the reference: stages, instances, inputs, weights."""

from __future__ import annotations

import gzip
import json
import zipfile

import numpy as np
import pytest
import torch
from support.lassm import (
    backbone_of,
    decoder_of,
    input_config_of,
    network_of,
    scene_of,
    tiny_release,
)
from support.parity import OWN, Recording, recorded_file, recordings

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.lassm.inputs import (
    InputConfig,
    centered,
    prepare_input,
    voxel_cells,
    voxel_features,
)
from seg3d_ros.networks.lassm.instances import find_instances
from seg3d_ros.networks.lassm.network import LaSSM, pool_superpoints
from seg3d_ros.networks.lassm.releases import RELEASES, load_released, read_released
from seg3d_ros.networks.lassm.spunet import SpUNet
from seg3d_ros.sparse.grid import VoxelGrid, pack
from seg3d_ros.sparse.tensor import SparseTensor

RECORDED = recordings("lassm", having="preprocessing")
SCENES = [(r, scene) for r in RECORDED for scene in r.description["scenes"]]
STAGE_TOLERANCE = 2e-5  # of the largest magnitude; other engines differ by 1e-5


def assert_close(ours, theirs, what=""):
    assert ours.shape == theirs.shape, what
    error = float((ours.cpu() - theirs).abs().max() / theirs.abs().max())
    assert error < STAGE_TOLERANCE, f"{what}: off by {error:.2g}"


@pytest.fixture(params=SCENES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    return request.param


@pytest.fixture
def expected(case):
    recording, scene = case
    return recording.below(f"{scene}/")


def test_voxels_and_features_are_those_of_the_reference(case, expected):
    recording, name = case
    config = input_config_of(recording.description, scene=name)
    points, colors = (expected[f"raw.{part}"].numpy() for part in ("coord", "color"))
    frame = centered(points, config.turn)
    np.testing.assert_allclose(frame, expected["in.origin_coord"], atol=1e-6)
    cells = expected["in.grid_coord"].numpy()[expected["in.inverse"]]
    assert np.array_equal(voxel_cells(frame, config), cells)
    chosen = expected["in.voxel_point"].numpy()
    features = voxel_features(colors[chosen].astype(np.float32) / 255, frame[chosen], config)
    np.testing.assert_allclose(features, expected["in.feat"], atol=1e-6)


def test_voxels_hold_their_points(case, expected):
    recording, name = case
    config = input_config_of(recording.description, scene=name)
    points, colors = (expected[f"raw.{part}"].numpy() for part in ("coord", "color"))
    ours = prepare_input(
        points, colors.astype(np.float32) / 255, expected["raw.superpoint"].numpy(), config
    )
    assert len(ours.positions) == len(ours.voxels.grid) == len(expected["in.grid_coord"])
    apart = (
        (ours.positions[ours.voxel_of] - torch.from_numpy(centered(points, config.turn)))
        .abs()
        .max()
    )
    assert apart < config.voxel_size
    assert torch.equal(ours.superpoint_of.int(), expected["superpoint"])


def test_stages_agree_with_the_reference(case, expected, device):
    recording, name = case
    network, scene = network_of(recording).to(device), scene_of(recording, name).to(device)
    seen = {}

    def keep(key, value):
        seen[key] = value

    for i, layer in enumerate(network.decoder.layers):
        layer.register_forward_hook(
            lambda _, given, out, i=i: keep(f"layer{i}.pos", given[1].positions)
        )
        layer.ssm.register_forward_hook(lambda _, given, __, i=i: keep(f"layer{i}.mix", given[0]))
        layer.ssm.register_forward_hook(lambda _, __, out, i=i: keep(f"layer{i}.ssm", out))
        layer.register_forward_hook(lambda _, __, out, i=i: keep(f"layer{i}.out", out))
    with torch.inference_mode():
        features = network.backbone(scene.voxels)
        assert_close(features, expected["backbone"], "backbone")
        pooled = pool_superpoints(scene, features)
        assert_close(pooled.features, expected["sp_feat"], "superpoint features")
        assert_close(pooled.centers, expected["sp_coord"], "superpoint centres")
        decoded = network.decode(scene, features)
    assert torch.equal(decoded.selected.cpu(), expected["query0_superpoint"].long())
    assert_close(decoded.superpoint_labels, expected["sp_seg"], "superpoint labels")
    for name, value in seen.items():
        assert_close(value, expected[name], name)
    with torch.inference_mode():
        assert_stages(decoded.stages, pooled.centers, expected)


def assert_stages(stages, centers, expected):
    low, high = centers.amin(0), centers.amax(0)
    for i, stage in enumerate(stages):
        assert_close(stage.labels, expected[f"head{i}.labels"], f"labels {i}")
        assert_close(stage.masks, expected[f"head{i}.masks"], f"masks {i}")
        assert_close(stage.offsets, expected[f"head{i}.offset"], f"offsets {i}")
        relative = (stage.positions - low) / (high - low + 1e-6)
        assert_close(relative, expected[f"head{i}.bboxes"], f"centres {i}")


def test_instances_are_those_of_the_reference(case, expected):
    recording, name = case
    network, scene = network_of(recording), scene_of(recording, name)
    config = recording.description["model"]
    with torch.inference_mode():
        found = find_instances(
            network.predict(scene).stages[-1],
            torch.bincount(scene.superpoint_of),
            top_k=config["topk_insts"],
            min_points=config["npoint_thr"] + 1,
        )
    assert_close(found.scores, expected["pred.scores"], "scores")
    assert torch.equal(found.classes, expected["pred.classes"])
    masks = np.packbits(found.masks[:, scene.superpoint_of].numpy(), axis=1)
    assert np.array_equal(masks, expected["pred.masks_packed"].numpy())


def test_spunet_agrees_with_the_reference(device):
    recording = Recording(OWN / "lassm/spunet.npz")
    config, arrays = recording.description["backbone"], recording.arrays
    network = SpUNet(config["in_channels"], config["num_planes"])
    network.load_state_dict(recording.below("w/backbone."))
    cells = arrays["sceneB/in.grid_coord"].int()
    grid = VoxelGrid(torch.cat([torch.zeros_like(cells[:, :1]), cells], 1).to(device))
    with torch.inference_mode():
        x = SparseTensor(grid, arrays["sceneB/in.feat"].to(device))
        assert_close(network.to(device).eval()(x), arrays["sceneB/backbone"])


def test_the_order_of_the_voxels_does_not_matter():
    recording = Recording(OWN / "lassm/spunet.npz")
    network = SpUNet(6, (4, 6, 8)).eval()
    cells = recording.arrays["sceneB/in.grid_coord"].int()
    coordinates = torch.cat([torch.zeros_like(cells[:, :1]), cells], 1)
    features = recording.arrays["sceneB/in.feat"]
    order = pack(coordinates).argsort()
    with torch.inference_mode():
        straight = network(SparseTensor(VoxelGrid(coordinates), features))
        sorted_ = network(SparseTensor(VoxelGrid(coordinates[order]), features[order]))
    torch.testing.assert_close(straight[order], sorted_)


@pytest.fixture(scope="module")
def manifests():
    with gzip.open(OWN / "lassm/manifests.json.gz") as file:
        return json.load(file)


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("scannet", "scannet-lassm-spunet-v2-3"),
        ("scannet200", "scannet200-lassm-minkunet-3"),
        ("scannetpp", "scannetpp-lassm-spunet-v2-3"),
    ],
)
def test_weights_are_named_and_shaped_as_released(manifests, name, manifest):
    release, recorded = RELEASES[name], manifests[manifest]
    with torch.device("meta"):
        network = release.build()
    ours = {
        key: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for key, tensor in network.state_dict().items()
    }
    assert ours == recorded["state_dict"]
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == recorded["totals"]["n_parameters"]
    names = [n.replace("otherf", "other f") for n in manifests["classes"][manifest]["names"]]
    assert release.class_names == names


def write_as_numpy_1(path, state, *, prefix):
    """A checkpoint of the reference's trainer; its score was pickled by NumPy 1."""
    content = {
        "epoch": 3,
        "state_dict": {prefix + name: tensor for name, tensor in state.items()},
        "optimizer": {"state": {}, "param_groups": []},
        "best_metric_value": np.float64(0.5),
    }
    torch.save(content, path.with_suffix(".new"))
    with zipfile.ZipFile(path.with_suffix(".new")) as new, zipfile.ZipFile(path, "w") as old:
        for name in new.namelist():
            data = new.read(name)
            if name.endswith("data.pkl"):
                data = data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
            old.writestr(name, data)


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_checkpoints_of_the_reference_load(tmp_path, monkeypatch, prefix):
    network = tiny_release(monkeypatch).build()
    write_as_numpy_1(tmp_path / "model_best.pth", network.state_dict(), prefix=prefix)
    loaded, release = load_released(tmp_path / "model_best.pth")
    assert release is RELEASES["scannet"] and not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_a_file_of_the_references_trainer_loads():
    path = recorded_file("lassm/checkpoint_format.pth")
    if path is None:
        pytest.skip("not in the repository; it is in $SEG3D_PARITY_DIR")
    description = json.loads(path.with_suffix(".json").read_text())
    state = read_released(path)
    sums = {name: [float(t.double().sum()), list(t.shape)] for name, t in state.items()}
    assert sums == description["sums"]
    network = LaSSM(backbone_of(description), decoder_of(description), InputConfig())
    network.load_state_dict(state)


def test_other_checkpoints_are_refused(tmp_path, monkeypatch):
    state = tiny_release(monkeypatch).build().state_dict()
    path = tmp_path / "other.pth"
    torch.save({"decoder.out_cls.2.weight": torch.zeros(7, 4)}, path)
    with pytest.raises(CheckpointError, match="18, 198, 84 classes; it has 6"):
        load_released(path)
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="it has no LaSSM decoder"):
        load_released(path)
    del state["decoder.out_norm.weight"]
    torch.save({"state_dict": state}, path)
    with pytest.raises(CheckpointError, match=r"missing: decoder\.out_norm\.weight"):
        load_released(path)


def test_a_checkpoint_with_code_is_refused(tmp_path):
    torch.save({"state_dict": {}, "score": pytest.approx(1)}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        read_released(tmp_path / "evil.pth")
