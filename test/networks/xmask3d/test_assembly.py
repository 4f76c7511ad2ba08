"""XMask3D as a whole against recordings of the reference, and its checkpoints."""

from __future__ import annotations

import copy
import dataclasses
import gzip
import json

import numpy as np
import pytest
import torch
from support.parity import OWN, recordings
from support.xmask3d import (
    assert_near,
    diffusion_of,
    fill_uncovered,
    native_clip,
    open_classes,
    small_network,
    wall_scene,
    with_recipe,
)

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.xmask3d.checkpoints import load_branch, load_network
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.clip_masks import embed_masks
from seg3d_ros.networks.xmask3d.clip_weights import clip_vision
from seg3d_ros.networks.xmask3d.network import (
    FrozenNetworks,
    released_branch,
    released_network,
)
from seg3d_ros.networks.xmask3d.point_labels import label_features
from seg3d_ros.networks.xmask3d.projection import find_visible
from seg3d_ros.networks.xmask3d.view_input import ViewInput, prepare_view
from seg3d_ros.networks.xmask3d.votes import LabelVotes
from seg3d_ros.networks.xmask3d.voxels import voxelize_points

TOLERANCE = 5e-3  # of features, as the recording says
AGREEMENT = 0.99  # of labels: masks are thresholded
WHOLE = [
    r for r in recordings("xmask3d", having="native_shapes") if "views" in r.description["config"]
]
OUTPUTS = ("fused", "2d", "3d")


def networks_of(recording):
    """The network and the frozen ones, with the recorded weights."""
    pytest.importorskip("diffusers")
    frozen = diffusion_of(recording.description)
    state = native_clip(recording.description, "criterion.clip.clip.")
    network = released_network(
        frozen.channels, context_width=frozen.context_width, time_width=frozen.time_width
    )
    network = with_recipe(network)
    for name, tensor in recording.below("override/").items():
        network.get_parameter(name).data.copy_(tensor)
    return network, FrozenNetworks(frozen, clip_vision(state, source="the recording").eval())


def classes_of(recording, null):
    config = recording.description["config"]
    base = torch.zeros(len(config["labels"]), dtype=torch.bool)
    base[config["base"]] = True
    text = recording.arrays["text_embed"]
    return OpenClasses(text, null, base, config["base_ratio"], config["novel_ratio"])


def view_of(recording, name):
    """Input of a view, of which only the picture and the depth are recorded."""
    arrays, given = recording.arrays, recording.below(f"{name}/")
    points = arrays["points"].numpy()
    pose, depth = given["f64_pose"].numpy(), given["depth_mm"].numpy() / 1000.0
    seen = find_visible(points, pose, arrays["f64_intrinsic"].numpy(), depth)
    assert np.array_equal(seen.visible, given["visible"].numpy())
    rows = seen.visible.nonzero()[0]
    voxels = voxelize_points(points[rows], arrays["colors"].numpy()[rows])
    image = given["image512_u8"].permute(2, 0, 1) / 255
    pixels = torch.from_numpy(seen.rows), torch.from_numpy(seen.columns)
    return ViewInput(rows, voxels, *pixels, image)


def assert_stages(network, frozen, view, given):
    """Features and masks on the way to the labels."""
    points = network.points(view.voxels)
    assert_near(points.condition, given["condition"][0], "condition", tolerance=TOLERANCE)
    same = (points.is_base == given["binary_pred"][:, 0].bool()).float().mean()
    assert same > AGREEMENT, f"base: {same:.4f}"
    sums = given["pred_3d_rowsum"]
    assert_near(points.features.sum(1), sums, "features", tolerance=TOLERANCE)
    found = precise_masks(network, view, points, frozen)
    of_clip = embed_masks(frozen.clip, view.image, found.logits[0].float())
    for name, ours, theirs in (
        ("masks", found.logits[0, :, ::4, ::4], "pred_masks_sub4"),
        ("embeddings", found.embeddings[0], "mask_embed"),
        ("CLIP", of_clip, "mask_embed_clip"),
    ):
        assert_near(ours, given[theirs], name, tolerance=TOLERANCE)


def precise_masks(network, view, points, frozen):
    """Masks by decoders in float64: in float32 a pixel near a threshold may move some of them."""
    captioner, pyramid = network.backbone.values()
    levels = pyramid(frozen.diffusion(view.image[None], captioner(points.condition)), (512, 512))
    pixels, queries = copy.deepcopy(network.sem_seg_head).double().values()
    return queries(pixels([level.double() for level in levels]))[-1]


@pytest.mark.slow
@pytest.mark.parametrize("recording", WHOLE, ids=str)
def test_labels_of_a_scene(recording):
    network, frozen = networks_of(recording)
    classes = classes_of(recording, network.null.detach())
    points = recording.arrays["points"]
    votes = {name: LabelVotes(len(points), len(classes.base)) for name in OUTPUTS}
    for name in ("v0", "v1"):
        view, given = view_of(recording, name), recording.below(f"{name}/")
        with torch.inference_mode():
            assert_stages(network, frozen, view, given)
            found = network.label_view(view, frozen, classes)
            of_masks = fill_uncovered(found.fused.from_masks, points[view.points])
            labels = {
                "fused": found.labels,
                "2d": label_features(of_masks, found.points.is_base, classes, network.scale),
                "3d": label_features(
                    found.points.features, found.points.is_base, classes, network.scale
                ),
            }
        same = found.masks.masks.any(0) == given["final_masks_3d"].any(0)
        assert same.float().mean() > AGREEMENT, name
        for output in OUTPUTS:
            votes[output].add(view.points, labels[output].numpy())
    for output in OUTPUTS:
        expected = recording.arrays[f"scene_pred_{output}"].numpy()
        agreement = (votes[output].labels(points.numpy()) == expected).mean()
        assert agreement >= AGREEMENT, f"{output}: {agreement:.4f}"


def test_half_precision_gives_nearly_the_same_labels():
    pytest.importorskip("diffusers")
    (network, frozen), scene = small_network(), wall_scene(views=1)
    view = prepare_view(scene, scene.views[0])
    view = dataclasses.replace(view, image=view.image[:, ::4, ::4])  # large ones take minutes
    labels = []
    for enabled in (False, True):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            labels.append(network.label_view(view, frozen, open_classes()).labels)
    assert (labels[0] == labels[1]).float().mean() > 0.8  # thresholds, and near ties


@pytest.fixture(scope="module")
def manifest():
    with gzip.open(OWN / "xmask3d/manifest.json.gz") as file:
        return json.load(file)


def of_inference(manifest):
    """Shapes of the released weights, but for two that only losses read."""
    return {k: v for k, v in manifest.items() if not k.endswith(("empty_weight", "pos_weight"))}


def test_weights_are_named_and_shaped_as_released(manifest):
    with torch.device("meta"):
        network = released_network()
    ours = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert ours == of_inference(manifest)
    assert len(manifest) == len(ours) + 2


@pytest.fixture
def released(manifest):
    """Content of a checkpoint with random weights, as the trainer writes it."""
    state = {
        f"module.{name}": torch.zeros(shape, dtype=torch.int64)
        if name.endswith("num_batches_tracked")
        else torch.full(shape, 0.5)
        for name, shape in manifest.items()
    }
    return {"epoch": 3, "state_dict": state, "optimizer": {"state": {}}, "best_iou": 0.5}


def test_checkpoints_of_the_reference_load(tmp_path, released):
    torch.save(released, tmp_path / "xmask3d.pth.tar")
    network, branch = (load(tmp_path / "xmask3d.pth.tar") for load in (load_network, load_branch))
    assert not network.training and not branch.training
    assert float(network.null.detach()[0]) == 0.5
    assert branch.state_dict().keys() < network.state_dict().keys()
    del released["state_dict"]["module.pc_binary_head.fc.bias"]
    torch.save(released, tmp_path / "lacking.pth.tar")
    with pytest.raises(CheckpointError, match=r"missing: pc_binary_head\.fc\.bias"):
        load_network(tmp_path / "lacking.pth.tar")


def test_other_checkpoints_are_refused(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="holds no XMask3D"):
        load_network(tmp_path / "other.pth")
    torch.save({"state_dict": {}, "score": pytest.approx(1)}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        load_branch(tmp_path / "evil.pth")
    assert not hasattr(released_branch(), "criterion")
