"""Panel that plays a recording."""

from __future__ import annotations

import time
from typing import Any

from seg3d_ros.engine.engine import Engine
from seg3d_ros.recordings.recording import Recording
from seg3d_ros.viewer.player import Player

_SEGMENT_PERIOD_S = 1.0
_TOLD_EVERY_S = 0.3  # the slider moves so often


class PlaybackPanel:
    """Button and slider; all pages move them together."""

    def __init__(self, gui: Any, recording: Recording, engine: Engine) -> None:
        """Add it to a panel that is being built; the recording stands at its start."""
        self._told = 0.0
        self._button = gui.add_button("Play")
        self._slider = gui.add_slider("Frame", 0, max(1, len(recording)), 1, 0)
        self.player = Player(
            recording, engine, segment_period=_SEGMENT_PERIOD_S, on_change=self._tell
        )
        self._button.on_click(lambda _: self.play(not self.player.playing))
        self._slider.on_update(self._on_slider)

    def play(self, playing: bool) -> None:
        """Play or pause."""
        self.player.play(playing)
        self._tell(always=True)

    def close(self) -> None:
        """End the player."""
        self.player.close()

    def _on_slider(self, event: Any) -> None:
        if event.client_id is not None:  # a person moved it
            self.player.jump(int(self._slider.value))

    def _tell(self, *, always: bool = False) -> None:
        label = "Pause" if self.player.playing else "Play"
        if self._button.label != label:
            self._button.label = label
            always = True
        now = time.monotonic()
        if always or now - self._told > _TOLD_EVERY_S or not self.player.playing:
            self._told = now
            if self._slider.value != self.player.position:
                self._slider.value = self.player.position
