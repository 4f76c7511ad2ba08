"""Frames that were recorded of labelled scenes."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import Recording


def recording_of(root: Path, split: str, scene: str) -> Recording:
    """Recording in root/recordings, or beside the points, where `seg3d preprocess` leaves it.

    Args:
        root: folder of the splits.
        split: name of a folder in it.
        scene: name of a folder in that.

    Raises:
        FileNotFoundError: there is none.
    """
    places = [root / "recordings" / scene, root / "recordings" / split / scene]
    beside = root / split / scene
    if (beside / "camera.json").is_file():
        places.append(beside)
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"no frames of {scene}: {places[0]} is missing")
    return open_recording(folder)
