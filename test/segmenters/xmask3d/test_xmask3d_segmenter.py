"""The xmask3d segmenter: each keyframe once, votes by element, instances, both forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.xmask3d import open_classes, small_branch, small_network, wall_scene

from seg3d_ros.compute import Compute
from seg3d_ros.masks import Masks
from seg3d_ros.networks.xmask3d.point_labels import label_features
from seg3d_ros.networks.xmask3d.view_input import prepare_view
from seg3d_ros.scene import Instances
from seg3d_ros.segmenters.segmenter import SemanticSegmenter
from seg3d_ros.segmenters.settings import XMask3DSettings
from seg3d_ros.segmenters.xmask3d.proposals import mask_proposals
from seg3d_ros.segmenters.xmask3d.segmenter import NamedClasses, XMask3DSegmenter

NAMES = ("wall", "floor", "chair", "table", "lamp", "sofa")


def halves(scene):
    """Masks of the left and of the right half."""
    left = scene.points[:, 0] < 0
    return Instances(Masks.of(np.stack([left, ~left])), np.array([0.9, 0.8], np.float32))


def segmenter(network=None, frozen=None, **settings):
    return XMask3DSegmenter(
        network or small_branch(),
        frozen,
        NamedClasses(NAMES, open_classes()),
        halves,
        compute=Compute(torch.device("cpu")),
        settings=XMask3DSettings(**{"keyframes_at_once": 0} | settings),
    )


@pytest.fixture
def scene():
    return wall_scene()


@pytest.fixture
def looks(monkeypatch):
    """Number of points that the network was given, by call."""
    calls, usual = [], XMask3DSegmenter._run

    def counted(self, rows, network):
        calls.append(len(rows))
        return usual(self, rows, network)

    monkeypatch.setattr(XMask3DSegmenter, "_run", counted)
    return calls


def test_a_keyframe_is_computed_once(scene, looks):
    found = segmenter()
    first = found.label(scene)
    assert len(looks) == 3 and found.waiting(scene.views) == 0
    assert (found.label(scene).labels == first.labels).all()
    found.segment(scene)
    assert len(looks) == 3
    more = replace(scene, views=wall_scene(views=4).views)
    assert found.waiting(more.views) == 1
    found.label(more)
    assert len(looks) == 4


def test_views_wait_for_the_next_segmentation(scene, looks):
    found, at_once = segmenter(keyframes_at_once=1), segmenter()
    for waiting in (2, 1, 0):
        labels = found.label(replace(scene)).labels  # as of the next segmentation
        assert found.waiting(scene.views) == waiting
    assert (labels == at_once.label(scene).labels).all()
    assert len(looks) == 6


def test_votes_stay_with_the_elements(scene):
    found = segmenter()
    labels = found.label(scene).labels
    order = np.random.default_rng(1).permutation(len(scene))
    assert (found.label(scene.take(order)).labels == labels[order]).all()


def test_views_see_the_whole_map_of_which_a_part_is_segmented(scene, looks):
    left, right = halves(scene).masks
    labels = segmenter().label(scene).labels
    found = segmenter()
    parts = [replace(scene.take(rows), whole=scene) for rows in (left, right)]
    for rows, part in zip((left, right), parts, strict=True):
        assert (found.label(part).labels == labels[rows]).all()
        assert found.waiting(part.views) == 0
    assert len(looks) == 6  # three views, by each of the segmenters


def test_votes_outside_of_the_part_are_kept(scene, monkeypatch):
    monkeypatch.setattr("seg3d_ros.segmenters.xmask3d.segmenter._SPARE_ELEMENTS", 0)
    labels = segmenter().label(scene).labels
    found = segmenter()
    found.label(replace(scene.take(np.arange(100)), whole=scene))
    assert (found.label(scene).labels == labels).all()


def test_labels_of_one_view_are_those_of_the_network(scene):
    alone = replace(scene, views=scene.views[:1])
    found = segmenter().label(alone)
    view = prepare_view(alone, alone.views[0])
    with torch.inference_mode():
        points = small_branch().points(view.voxels)
        expected = label_features(points.features, points.is_base, open_classes(), 1.0)
    assert found.names == NAMES and isinstance(segmenter(), SemanticSegmenter)
    assert (found.labels[view.points] == expected.numpy()).all()
    assert (found.labels >= 0).all()  # what no view sees copies the nearest


def test_instances_have_the_mean_of_their_elements(scene):
    found = segmenter().segment(scene)
    assert len(found) == 2 and found.embedding_space == "clip-vit-large-patch14"
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, rtol=1e-5)
    assert found.embeddings[0] @ found.embeddings[1] < 0.9999
    blind = replace(scene, views=[replace(view, depth=0 * view.depth) for view in scene.views])
    assert len(segmenter().segment(blind)) == 0
    assert (segmenter().label(blind).labels == -1).all()


def test_a_scene_without_views(scene, looks, monkeypatch):
    monkeypatch.setattr("seg3d_ros.segmenters.xmask3d.segmenter._BLOCK_POINTS", 12_000)
    still = replace(scene, views=())
    found = segmenter()
    labels = found.label(still).labels
    assert (labels >= 0).all() and len(looks) > 1 and max(looks) <= 12_000
    assert (found.label(still).labels == labels).all()
    nothing = still.take(np.arange(0))
    assert len(found.label(nothing).labels) == 0 and len(found.segment(nothing)) == 0


def test_turns_only_if_asked(scene):
    labels = [segmenter(turn_seed=seed).label(scene).labels for seed in (-1, -1, 5, 5, 6)]
    assert (labels[0] == labels[1]).all() and (labels[2] == labels[3]).all()
    assert (labels[0] != labels[2]).any() and (labels[2] != labels[4]).any()


def test_the_full_form(scene, caplog):
    pytest.importorskip("diffusers")
    network, frozen = small_network()
    found = segmenter(network, frozen)
    alone = replace(scene, views=scene.views[:1])
    labels = found.label(alone).labels
    view = prepare_view(alone, alone.views[0])
    with torch.inference_mode():
        expected = network.label_view(view, frozen, open_classes())
    assert (labels[view.points] == expected.labels.numpy()).all()
    still = replace(scene, views=())
    assert (found.label(still).labels == -1).all() and len(found.segment(still)) == 0
    assert "full form looks at keyframes, and there are none" in caplog.text


@pytest.mark.parametrize("name", ["mini", "geometric", "superpoints"])
def test_proposals(name, scene):
    found = mask_proposals(name)(scene)
    assert found.masks.width == len(scene)
    if name == "superpoints":
        assert len(found.masks.rows) == len(scene)
        assert (found.masks.dense().sum(axis=0) == 1).all()
