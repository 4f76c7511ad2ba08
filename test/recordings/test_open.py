from __future__ import annotations

import pytest

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="does not exist"):
        open_recording(tmp_path / "nowhere")


def test_other_folders_and_files_are_refused_with_what_is_understood(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    for path in (tmp_path, file):
        with pytest.raises(RecordingError, match=r"is no recording: expected .*TUM.*\.mcap"):
            open_recording(path)
