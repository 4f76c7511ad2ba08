"""Frames that were recorded of labelled scenes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import Recording
from seg3d_ros.recordings.redwood import is_redwood
from seg3d_ros.recordings.sens_file import SUFFIX
from seg3d_ros.recordings.tum import is_tum


def recording_of(scene: Path) -> Recording:
    """Recording in ../../recordings, or beside the points, where `seg3d preprocess` leaves it.

    Args:
        scene: folder of the scene, root/split/scene. Its frames lie in root/recordings/scene or
            root/recordings/split/scene, a folder or a .sens file, or in the folder itself, with
            poses in the frame of its points.

    Raises:
        FileNotFoundError: there is none.
        RecordingError: it cannot be read.
    """
    for place in _places(scene):
        return open_recording(place, up="z")
    expected = scene.parent.parent / "recordings" / scene.name
    raise FileNotFoundError(f"no frames of {scene.name}: {expected} is missing")


def _places(scene: Path) -> Iterator[Path]:
    """Recordings of a scene that are there."""
    recordings = scene.parent.parent / "recordings"
    for folder in (recordings, recordings / scene.parent.name):
        if (folder / scene.name).is_dir():
            yield folder / scene.name
        if (file := folder / f"{scene.name}{SUFFIX}").is_file():
            yield file
    if is_tum(scene) or is_redwood(scene):
        yield scene
    if (file := scene / f"{scene.name}{SUFFIX}").is_file():
        yield file
