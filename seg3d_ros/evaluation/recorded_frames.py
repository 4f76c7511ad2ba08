"""Frames that were recorded of labelled scenes, as keyframes."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.mapping.keyframes.keyframe import Keyframe, pack_view, view_of
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import Recording, to_frame


def recording_of(root: Path, split: str, scene: str) -> Recording:
    """Recording of a scene, or the frames beside its points, as `seg3d preprocess` leaves them.

    Arguments and errors are those of `recorded_keyframes`.
    """
    places = [root / "recordings" / scene, root / "recordings" / split / scene]
    beside = root / split / scene
    if (beside / "camera.json").is_file():
        places.append(beside)
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"no frames of {scene}: {places[0]} is missing")
    return open_recording(folder)


def recorded_keyframes(root: Path, split: str, scene: str) -> list[Keyframe]:
    """All frames of a scene.

    Args:
        root: folder of the splits.
        split: name of a folder in it.
        scene: name of a folder in that.

    Raises:
        FileNotFoundError: there are none.
    """
    views = (view_of(to_frame(recorded)) for recorded in recording_of(root, split, scene).frames())
    return [
        pack_view(view, place, source="", sharpness=1.0)
        for place, view in enumerate(views, 1)
        if view is not None
    ]
