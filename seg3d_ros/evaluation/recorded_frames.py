"""Frames that were recorded of labelled scenes, as keyframes."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.mapping.keyframes.keyframe import Keyframe, pack_view, view_of
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame


def recorded_keyframes(root: Path, split: str, scene: str) -> list[Keyframe]:
    """All frames of a scene.

    Args:
        root: folder of the splits.
        split: name of a folder in it.
        scene: name of a folder in that.

    Raises:
        FileNotFoundError: there are none.
    """
    places = [root / "recordings" / scene, root / "recordings" / split / scene]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"no frames of {scene}: {places[0]} is missing")
    views = (view_of(to_frame(recorded)) for recorded in open_recording(folder).frames())
    return [
        pack_view(view, place, source="", sharpness=1.0)
        for place, view in enumerate(views, 1)
        if view is not None
    ]
