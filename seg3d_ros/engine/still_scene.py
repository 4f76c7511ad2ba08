"""Still scenes of files through the engine: segmented, or clicked in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.errors import InputError
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.export import FinerPoints
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.scene_file import (
    PointCloud,
    read_scene_file,
    supported_by,
    voxelize_cloud,
)
from seg3d_ros.scene import Bool, Float64, Frame, Int64, Scene
from seg3d_ros.segmenters.segmenter import SemanticSegmenter
from seg3d_ros.sensing.frame_filter import FrameFilter

_FARTHEST_M = 1000.0  # from the middle of a scene


def segment_file(
    path: str | Path, labels: Sequence[str] = (), *, settings: PerceptionSettings | None = None
) -> Results:
    """Find the objects in a point cloud or mesh, and name them.

    Args:
        path: PLY, PCD, XYZ, PTS, NPZ, GLB, OBJ, OFF or STL in metres; z is up (y in glTF).
        labels: words to name the objects with; empty: the household list.
        settings: None: the defaults, and voxels as large as the density of the points asks for.

    Returns:
        The voxels and the objects in them; `write_results` makes files of them.

    Raises:
        RecordingError: the file cannot be read.
        InputError: a label or a setting cannot be one.
        FileNotFoundError: weights are not on this machine.
        ImportError: packages are missing; the message says what to install.
    """
    chosen = settings or PerceptionSettings()
    voxel_size = chosen.map.voxel_size
    cloud = read_scene_file(path, spacing=voxel_size / 2)
    if settings is None:
        voxel_size = supported_by(cloud, voxel_size)
    engine = engine_for_scenes(chosen)
    engine.set_first_vocabulary(labels)
    return segment_scene(engine, cloud, name=Path(path).name, voxel_size=voxel_size)


def engine_for_scenes(settings: PerceptionSettings) -> Engine:
    """Engine that knows an object at its first sight: there is but one view."""
    return Engine(replace(settings, tracking=replace(settings.tracking, confirm_views=1)))


def fuse_cloud(engine: Engine, cloud: PointCloud) -> None:
    """Take a point cloud into the map of an engine, as if one sensor had seen all of it.

    Args:
        engine: of `engine_for_scenes`; its map may be saved and clicked in as any other.
        cloud: at least one point, z up.
    """
    middle = (cloud.points.min(axis=0) + cloud.points.max(axis=0)) / 2
    map_from_middle = np.eye(4)
    map_from_middle[:3, 3] = cloud.origin + middle
    frame_filter = FrameFilter(min_range=0.0, max_range=_FARTHEST_M)
    engine.apply(replace(engine.settings, input=frame_filter))
    engine.integrate(Frame(cloud.points - middle, cloud.colors, 0, map_from_middle))


def segment_scene(engine: Engine, cloud: PointCloud, *, name: str, voxel_size: float) -> Results:
    """Segment a point cloud.

    Args:
        engine: of `engine_for_scenes`, with its words.
        cloud: at least one point, z up.
        name: of the scene, for the report.
        voxel_size: metres.
    """
    scene, rows = _voxelize(engine, cloud, voxel_size)
    state = engine.segment(scene)
    segmenter = engine.models.segmenter
    report = {"scene": name, "device": segmenter.device}
    return _results(engine, cloud, (scene, rows), state.objects, segmenter.name, report)


def check_labels_points(engine: Engine) -> None:
    """Check that the states of an engine will have labels of points.

    Raises:
        InputError: its segmenter labels objects alone.
    """
    segmenter = engine.models.segmenter
    if not isinstance(segmenter, SemanticSegmenter):
        raise InputError(f"{segmenter.name} labels objects, not points; use xmask3d for that")


def click_scene(
    engine: Engine,
    cloud: PointCloud,
    points: Float64,
    foreground: Bool,
    *,
    voxel_size: float,
    name: str = "",
) -> Results:
    """Segment the clicked object of a point cloud.

    Args:
        engine: of `engine_for_scenes`; only its prompt segmenter is loaded.
        cloud: at least one point, z up.
        points: (K, 3) float64 clicks, in the frame of the file, metres, z up.
        foreground: (K,) True on the object, False off it.
        voxel_size: metres.
        name: what the object is called; empty: "object".

    Raises:
        NothingThereError: a foreground click is too far from every point.
        InputError: the clicks contradict each other, or the name is no printable text.
    """
    scene, rows = _voxelize(engine, cloud, voxel_size)
    found = engine.segment_at(points, foreground, name=name, scene=scene)
    report = {"clicks": len(points), "predicted_iou": found.predicted_iou}
    return _results(engine, cloud, (scene, rows), [found.object], found.method, report)


def _voxelize(engine: Engine, cloud: PointCloud, voxel_size: float) -> tuple[Scene, Int64]:
    with engine.timings.measure("voxelize"):
        return voxelize_cloud(cloud, voxel_size)


def _results(
    engine: Engine,
    cloud: PointCloud,
    voxels: tuple[Scene, Int64],
    objects: Sequence[MapObject],
    model: str,
    report: dict[str, Any],
) -> Results:
    scene, rows = voxels
    report = report | {
        "model": model,
        "points": len(cloud),
        "map_voxels": len(scene),
        "voxel_size": scene.voxel_size,
        "stages": engine.timings.as_dict(),
    }
    return Results(scene, objects, model, report, FinerPoints(cloud.points, rows))
