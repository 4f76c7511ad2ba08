"""Views of XMask3D against recordings: projection, voxels, masks, fusion, labels, votes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.parity import OWN, Recording
from support.xmask3d import fill_uncovered
from torch.nn import Linear

from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.point_labels import (
    fuse,
    label_features,
    label_points,
)
from seg3d_ros.networks.xmask3d.projection import find_visible
from seg3d_ros.networks.xmask3d.view_input import square_image
from seg3d_ros.networks.xmask3d.view_masks import ViewMasks, ViewPixels, lift_masks
from seg3d_ros.networks.xmask3d.votes import UNSEEN, LabelVotes
from seg3d_ros.networks.xmask3d.voxels import voxelize_points

RECORDED = {
    name: Recording(OWN / f"xmask3d/{name}.npz")
    for name in ("preprocess", "lift_fuse", "text_ensemble")
}
VIEWS = ["v0", "v1", "v2"]


@pytest.fixture
def taken():
    return RECORDED["preprocess"].arrays


@pytest.mark.parametrize("view", ["v0", "v1"])
def test_visible_points_and_their_pixels(taken, view):
    points, pose = taken["points"].numpy(), taken[f"{view}/f64_pose"].numpy()
    intrinsics = taken["f64_intrinsic"].numpy()
    depth = taken[f"{view}/depth_mm"].numpy() / 1000.0
    found = find_visible(points, pose, intrinsics, depth)
    assert np.array_equal(found.visible, taken[f"{view}/visible"].numpy())
    assert np.array_equal(found.rows, taken[f"{view}/row"].numpy())
    assert np.array_equal(found.columns, taken[f"{view}/col"].numpy())
    anywhere = find_visible(points, pose, intrinsics)
    assert np.array_equal(anywhere.visible, taken[f"{view}/visible_nodepth"].numpy())


@pytest.mark.parametrize("turned", ["identity", "random"])
@pytest.mark.parametrize("view", ["v0", "v1"])
def test_voxels(taken, view, turned):
    visible = taken[f"{view}/visible"].numpy()
    expected = {k: taken[f"{view}/{turned}/{k}"] for k in ("coords", "feats", "inverse")}
    turn = None
    if turned == "random":
        scaled = taken[f"{view}/random/f64_Mr"] @ taken[f"{view}/random/f64_Mv"]
        turn = scaled[:3, :3].double().numpy() * 0.02
    colors = taken["colors"].numpy()[visible]
    found = voxelize_points(taken["points"].numpy()[visible], colors, turn)
    assert len(found.voxels.grid) == len(expected["coords"])
    ours = found.voxels.grid.coordinates[:, 1:][found.voxel_of]
    theirs = expected["coords"][expected["inverse"].long()]
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(
        found.voxels.features[found.voxel_of], expected["feats"][expected["inverse"].long()]
    )


def test_square_image(taken):
    expected = taken["v0/image512_u8"].permute(2, 0, 1).float()
    found = 255 * square_image(taken["v0/image_u8"].numpy())[:, ::4, ::4]
    assert float((found - expected).abs().max()) <= 1  # theirs has 11 bits for the weights


@pytest.fixture
def classes():
    arrays, config = RECORDED["lift_fuse"].arrays, RECORDED["lift_fuse"].description["config"]
    base = torch.zeros(config["classes"], dtype=torch.bool)
    base[config["base"]] = True
    ratios = config["base_ratio"], config["novel_ratio"]
    return OpenClasses(arrays["text_embed"], arrays["null_embed"][0], base, *ratios)


@pytest.fixture
def fuser():
    arrays = RECORDED["lift_fuse"].arrays
    layer = Linear(96, 48)
    layer.load_state_dict({"weight": arrays["fuser_weight"], "bias": arrays["fuser_bias"]})
    return layer


SCALE = 20.0


def lifted(view, classes):
    """Features and base logits of the visible points, and the masks of the view."""
    given = RECORDED["lift_fuse"].below(f"{view}/")
    inverse = given["inverse"].long()
    probability = given["binary_logit_voxel"][inverse, 0].sigmoid()
    pixels = ViewPixels(given["row"].long(), given["col"].long(), probability)
    logits = classes.mask_logits(given["mask_embed"], SCALE)
    return given, pixels, lift_masks(given["mask_logits"], logits, pixels, classes)


def labelled(view, classes, fuser):
    """Labels of the visible points: fused, of the masks, of the point branch."""
    given, pixels, masks = lifted(view, classes)
    points = RECORDED["lift_fuse"].arrays["points"][given["visible"]]
    features = given["feat3d_voxel"][given["inverse"].long()]
    is_base = pixels.base_probability > 0.5
    fused = fuse(features, masks, given["mask_embed"], fuser)
    clip = given["mask_embed_clip"][masks.queries]
    return (
        fused,
        label_points(fused, is_base, clip, classes, SCALE),
        label_features(fill_uncovered(fused.from_masks, points), is_base, classes, SCALE),
        label_features(features, is_base, classes, SCALE),
    )


@pytest.mark.parametrize("view", VIEWS)
def test_masks_of_a_view(view, classes):
    given, pixels, masks = lifted(view, classes)
    logits = classes.mask_logits(given["mask_embed"], SCALE)
    torch.testing.assert_close(logits, given["out/pred_logits"], rtol=1e-4, atol=1e-4)
    assert torch.equal(pixels.base_probability > 0.5, given["out/binary_pred"][:, 0].bool())
    assert torch.equal(masks.masks, given["out/final_masks_3d"])
    assert torch.equal(given["mask_embed_clip"][masks.queries], given["out/final_open_embed"])


@pytest.mark.parametrize("view", VIEWS)
def test_labels_of_a_view(view, classes, fuser):
    expected = RECORDED["lift_fuse"].below(f"{view}/out/")
    with torch.inference_mode():
        fused, *labels = labelled(view, classes, fuser)
    torch.testing.assert_close(fused.features[::8], expected["fused"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fused.from_masks, expected["feat2d"])
    for ours, name in zip(labels, ("fused", "2d", "3d"), strict=True):
        assert torch.equal(ours.int(), expected[f"labels_{name}"]), name


def test_votes_of_all_views(classes, fuser):
    arrays = RECORDED["lift_fuse"].arrays
    points = arrays["points"].numpy()
    votes = [LabelVotes(len(points), len(classes.base)) for _ in range(3)]
    for view in VIEWS:
        rows = arrays[f"{view}/visible"].numpy().nonzero()[0]
        with torch.inference_mode():
            _, *labels = labelled(view, classes, fuser)
        for own, of_view in zip(votes, labels, strict=True):
            own.add(rows, of_view.numpy())
    for own, name in zip(votes, ("fused", "2d", "3d"), strict=True):
        assert np.array_equal(own.labels(points), arrays[f"scene_pred_{name}"].numpy()), name


def test_synonyms_of_a_class():
    recorded = RECORDED["text_ensemble"]
    arrays, config = recorded.arrays, recorded.description["config"]
    synonyms = tuple(config["synonyms_per_class"])
    base = torch.ones(len(synonyms), dtype=torch.bool)
    classes = OpenClasses(arrays["text_embed"], arrays["null_embed"][0], base, synonyms=synonyms)
    embeddings, scale = arrays["mask_embed"].flatten(0, 1), config["logit_scale"]
    for ours, name in (
        (classes.similarities(embeddings, scale), "logits_max"),
        (classes.mask_logits(embeddings, scale), "logits_with_null"),
    ):
        torch.testing.assert_close(ours, arrays[name].flatten(0, 1), rtol=1e-5, atol=1e-5)


def test_a_view_without_masks_keeps_the_features_of_the_points(classes, fuser):
    given, pixels, _ = lifted("v0", classes)
    nothing = torch.full_like(given["mask_logits"], -9.0)
    logits = classes.mask_logits(given["mask_embed"], SCALE)
    masks = lift_masks(nothing, logits, pixels, classes)
    assert masks.masks.shape == (0, len(pixels.rows))
    features = given["feat3d_voxel"][given["inverse"].long()]
    is_base = pixels.base_probability > 0.5
    fused = fuse(features, masks, given["mask_embed"], fuser)
    assert torch.equal(fused.features, features)
    ours = label_points(fused, is_base, given["mask_embed_clip"][:0], classes, SCALE)
    assert torch.equal(ours, label_features(features, is_base, classes, SCALE))
    assert torch.equal(
        fill_uncovered(fused.from_masks, torch.rand(len(features), 3)), fused.from_masks
    )


def test_a_view_that_sees_no_point(classes, fuser):
    given = RECORDED["lift_fuse"].below("v0/")
    none = torch.zeros(0, dtype=torch.int64)
    pixels = ViewPixels(none, none, torch.zeros(0))
    logits = classes.mask_logits(given["mask_embed"], SCALE)
    masks = lift_masks(given["mask_logits"], logits, pixels, classes)
    assert isinstance(masks, ViewMasks) and masks.masks.shape == (0, 0)
    assert fuse(torch.zeros(0, 48), masks, given["mask_embed"], fuser).features.shape == (0, 48)


def test_votes_by_hand():
    points = np.array([[0, 0, 0], [1, 0, 0], [9, 0, 0], [1.1, 0, 0]], np.float32)
    votes = LabelVotes(4, 3)
    assert votes.labels(points).tolist() == [UNSEEN] * 4
    votes.add(np.array([0, 1]), np.array([2, 1]))
    votes.add(np.array([0, 2]), np.array([1, 0]))
    assert votes.labels(points).tolist() == [1, 1, 0, 1]  # a tie, one vote, one vote, a copy
