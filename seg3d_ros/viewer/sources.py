"""Sources of a page that runs without a robot: a saved map, a scene file, a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.engine.saved_map import engine_for_map
from seg3d_ros.engine.still_scene import engine_for_scenes, fuse_cloud
from seg3d_ros.errors import InputError
from seg3d_ros.objects.storage import is_map_file
from seg3d_ros.pictures.picture import render_view
from seg3d_ros.pictures.turntable import render_turntable
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import Recording
from seg3d_ros.recordings.scene_file import is_scene_file, read_scene_file, supported_by

_SEGMENT_PERIOD_S = 1.0


@dataclass(frozen=True, eq=False)
class Source:
    """Engine to be shown.

    Attributes:
        engine: with nothing in it yet.
        fill: takes the source in and returns a sentence; slow.
        recording: to be played; None where all is there at once.
    """

    engine: Engine
    fill: Callable[[], str]
    recording: Recording | None = None


def open_source(
    path: Path,
    settings: PerceptionSettings,
    labels: Sequence[str],
    *,
    chosen_size: bool = False,
) -> Source:
    """Open a saved map, a scene file or a recording.

    Args:
        path: of it.
        settings: of the engine; a map brings its own voxel size.
        labels: words in force; empty: the household list.
        chosen_size: whether the voxel size of the settings was asked for; else the density of a
            scene's points may ask for a larger one.

    Raises:
        RecordingError: it is none of these, or damaged.
        MapFileError: the map cannot be read.
    """
    if is_map_file(path):
        return _map_source(path, settings, labels)
    if is_scene_file(path):
        return _scene_source(path, settings, labels, chosen_size=chosen_size)
    recording = open_recording(path)
    engine = Engine(settings)

    def name() -> str:
        engine.set_first_vocabulary(labels)
        return f"{len(recording)} frames"

    return Source(engine, name, recording)


def write_pictures(source: Source, picture: Path | None, turntable: Path | None) -> str:
    """Take a source in and show it in files; returns a sentence.

    Args:
        source: to be shown.
        picture: PNG to write; None: none.
        turntable: film to write, see `render_turntable`; None: none.

    Raises:
        InputError: the suffix of the film is not known, or a frame cannot be read.
    """
    said = take_in(source)
    state = source.engine.state
    if state.scene is None or not len(state.scene):
        raise InputError("the map is empty; there is nothing to show")
    if picture is not None:
        render_view(picture, state.scene, state.objects)
    if turntable is not None:
        render_turntable(turntable, state.scene, state.objects)
    return said


def take_in(source: Source) -> str:
    """Take a source in at once, a recording to its end; returns a sentence.

    Raises:
        InputError: a frame cannot be read.
    """
    said = source.fill()
    if source.recording is not None:
        replay(source.recording, source.engine, segment_period=_SEGMENT_PERIOD_S)
    return said


def _map_source(path: Path, settings: PerceptionSettings, labels: Sequence[str]) -> Source:
    engine, _ = engine_for_map(path, settings)

    def load() -> str:
        report = engine.load(path)
        engine.set_first_vocabulary(labels)
        summary = f"{report.objects} objects and {report.voxels:,} voxels"
        return "; ".join([summary, *report.remarks])

    return Source(engine, load)


def _scene_source(
    path: Path, settings: PerceptionSettings, labels: Sequence[str], *, chosen_size: bool
) -> Source:
    cloud = read_scene_file(path, spacing=settings.map.voxel_size / 2)
    voxel_size = settings.map.voxel_size
    if not chosen_size:
        voxel_size = supported_by(cloud, voxel_size)
    engine = engine_for_scenes(replace(settings, map=replace(settings.map, voxel_size=voxel_size)))

    def segment() -> str:
        fuse_cloud(engine, cloud)
        engine.publish_map()
        engine.set_first_vocabulary(labels)
        state = engine.segment()
        return f"{len(state.objects)} objects in {len(engine.map):,} voxels"

    return Source(engine, segment)
