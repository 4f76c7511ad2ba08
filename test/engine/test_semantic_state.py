"""World states of a segmenter that labels points, one keyframe after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import toy_room
from support.xmask3d import open_classes, small_branch

from seg3d_ros.compute import Compute
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.recordings.recording import RecordedFrame, to_frame
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.segmenters.segmenter import SemanticLabels
from seg3d_ros.segmenters.settings import XMask3DSettings
from seg3d_ros.segmenters.xmask3d.proposals import mask_proposals
from seg3d_ros.segmenters.xmask3d.segmenter import NamedClasses, XMask3DSegmenter
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.settings import with_values

NAMES = ("wall", "floor", "chair", "table", "lamp", "sofa")


@pytest.fixture
def engine():
    """Engine that has seen a room from three places."""
    built = Engine(PerceptionSettings.of({"map.voxel_size": 0.04}))
    for number, y in enumerate((-0.8, 0.0, 0.6), 1):
        pose = toy_room.looking_at((-0.4, y, 1.0), (1.0, 0.2, 0.2))
        depth, color = toy_room.cast(pose)
        packed = np.nan_to_num(depth * 1000).astype(np.uint16)
        image = DepthImage(color, packed, 0.001, toy_room.CAMERA)
        built.integrate(to_frame(RecordedFrame(number * 10**9, pose, image)))
        built.keyframes.wait()
    return built


def labeller(**settings):
    """Small segmenter that labels points."""
    return XMask3DSegmenter(
        small_branch(),
        None,
        NamedClasses(NAMES, open_classes(len(NAMES))),
        mask_proposals("superpoints"),
        compute=Compute(torch.device("cpu")),
        settings=XMask3DSettings(**settings),
    )


def test_keyframes_are_looked_at_one_by_one(engine):
    engine.models.segmenter = labeller(keyframes_at_once=1)
    views = len(engine.keyframes.all())
    assert views > 1
    for waiting in reversed(range(views)):
        assert engine.is_due()
        state = engine.segment()
        assert engine.views_waiting == waiting
        assert state.semantic.names == NAMES
        assert len(state.semantic.labels) == len(state.scene)
        assert (state.semantic.labels >= 0).all()
    assert not engine.is_due()
    engine.clear()
    assert engine.state.semantic is None


def test_a_map_that_stands_still_is_settled_when_all_keyframes_were_looked_at(engine):
    engine.models.segmenter = labeller(keyframes_at_once=1)
    once = {"tracking.confirm_views": 1, "tracking.merge_views": 1}
    engine.settings = with_values(engine.settings, once)
    assert len(engine.keyframes.all()) > 1
    engine.settle()
    assert engine.views_waiting == 0 and not engine.is_due()


def test_around_the_sensor_labels_are_those_of_the_whole_map(engine):
    """Of a view that shows more than what is segmented nothing is lost."""
    states = []
    for radius in (0.0, 1.2, 0.0):
        engine.settings = with_values(engine.settings, {"segmentation.radius": radius})
        if radius or not states:
            engine.models.segmenter = labeller(keyframes_at_once=0)
        states.append(engine.segment())
    whole, part, again = (
        dict(zip(s.scene.element_ids, s.semantic.labels, strict=True)) for s in states
    )
    assert 0 < len(part) < len(whole) and len(set(whole.values())) > 1
    assert again == whole and part.items() <= whole.items()


def test_views_of_a_map_that_is_cleared_meanwhile_wait_no_more(engine):
    class Cleared(GeometricSegmenter):
        """Labels points; meanwhile somebody clears the map."""

        def waiting(self, views):
            return len(views)

        def label(self, scene):
            engine.clear()
            return SemanticLabels(np.zeros(len(scene), np.int64), ("wall",), waiting=3)

    engine.models.segmenter = Cleared()
    with pytest.raises(EmptyMapError):
        engine.segment()
    assert engine.views_waiting == 0 and not engine.is_due()


def test_others_label_no_points(engine):
    engine.models.segmenter = GeometricSegmenter()
    assert engine.segment().semantic is None
