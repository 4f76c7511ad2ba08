"""Frames that were recorded of labelled scenes, as keyframes."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.datasets.scene_frames import recording_of
from seg3d_ros.mapping.keyframes.keyframe import Keyframe, pack_view, view_of
from seg3d_ros.recordings.recording import to_frame


def recorded_keyframes(scene: Path) -> list[Keyframe]:
    """All frames of a scene; see `recording_of`.

    Raises:
        FileNotFoundError: there are none.
    """
    views = (view_of(to_frame(recorded)) for recorded in recording_of(scene).frames())
    return [
        pack_view(view, place, source="", sharpness=1.0)
        for place, view in enumerate(views, 1)
        if view is not None
    ]
