"""Warm-up: a synthetic scene goes through all that a node does, so that the real ones are fast."""

from __future__ import annotations

import numpy as np

from seg3d_ros.mapping.clicked_scene import scene_for_clicks
from seg3d_ros.mapping.keyframes.store import KeyframeStore
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.mapping.warm_up_frames import other_frames, plain_frames, warm_up_scene
from seg3d_ros.objects.best_views import BestViews
from seg3d_ros.objects.object_map import ObjectMap
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.pictures.overlay import draw_overlay
from seg3d_ros.pictures.painted_points import painted_points
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.segmenters.geometric.color_segments import color_segments
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.segmenters.segmenter import PromptSegmenter, Segmenter
from seg3d_ros.sensing.frame_filter import FrameFilter


def warm_up(segmenter: Segmenter) -> None:
    """Compile what frames of any kind and their segmentation need, at usual sizes."""
    trial, keyframes = VoxelMap(MapSettings(), FrameFilter()), KeyframeStore()
    for frame in plain_frames():
        trial.integrate(frame)
        keyframes.offer(frame)
        keyframes.wait()
    scene = trial.snapshot()
    objects = _track(scene, segmenter.segment(scene))
    BestViews().update(objects.confirmed(), scene.grid, keyframes.all())
    for keyframe in keyframes.all()[:1]:
        draw_overlay(keyframe.view(), objects.confirmed(), scene.grid)
    for frame in other_frames():
        trial.integrate(frame)


def warm_up_clicks(prompt_segmenter: PromptSegmenter) -> None:
    """Compile what clicks need."""
    trial = VoxelMap(MapSettings(), FrameFilter())
    for frame in plain_frames():
        trial.integrate(frame)
    scene = trial.snapshot()
    click = scene.points[len(scene) // 2][None]
    clicked = scene_for_clicks(
        trial, click[0].astype(np.float64), version=0, refine_id=0, last=None
    )
    prompt_segmenter.segment_at(clicked.scene, click, np.ones(1, bool))


def compile_from_the_other_end() -> None:
    """Compile what `warm_up` comes to late and no network is needed for."""
    scene = warm_up_scene()
    color_segments(build_surface(scene), scene.colors)
    _track(scene, GeometricSegmenter().segment(scene))
    for frame in other_frames():
        VoxelMap(MapSettings(), FrameFilter()).integrate(frame)


def _track(scene: Scene, instances: Instances) -> ObjectMap:
    """Objects of the instances, matched once and painted."""
    objects = ObjectMap(TrackingSettings(confirm_score=0.0, sure_score=0.0))
    for _ in range(2):  # the second time there are objects to match
        objects.update(scene, instances)
    painted_points(scene, objects.confirmed(), dimming=1.0)
    return objects
