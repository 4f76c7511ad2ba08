"""Frames that were recorded of labelled scenes."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import Recording
from seg3d_ros.recordings.redwood import is_redwood
from seg3d_ros.recordings.tum import is_tum


def recording_of(scene: Path) -> Recording:
    """Recording in ../../recordings, or beside the points, where `seg3d preprocess` leaves it.

    Args:
        scene: folder of the scene, root/split/scene. Its frames lie in root/recordings/scene,
            root/recordings/split/scene, or in the folder itself, with poses in the frame of its
            points.

    Raises:
        FileNotFoundError: there is none.
    """
    recordings = scene.parent.parent / "recordings"
    places = [recordings / scene.name, recordings / scene.parent.name / scene.name]
    for place in places:
        if place.is_dir():
            return open_recording(place)
    if is_tum(scene) or is_redwood(scene):
        return open_recording(scene, up="z")
    raise FileNotFoundError(f"no frames of {scene.name}: {places[0]} is missing")
