"""The training viewer: input, ground truth and prediction side by side in a browser."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from seg3d_ros.errors import InputError
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.training.learner import Step
from seg3d_ros.training.panels import TITLES, Panels, make_panels
from seg3d_ros.training.point_instances import point_instances
from seg3d_ros.viewer.settings import ViewerSettings
from seg3d_ros.viewer.side_by_side import SideBySide

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VizSettings:
    """Settings of the training viewer; configs/viz/viewer.yaml explains them."""

    enabled: bool
    port: int
    interval_seconds: float
    voxel_size: float
    score_thresh: float
    mask_thresh: float

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"viz.port is {self.port}; use 1 to 65535, or 0 for any free one")
        if not self.voxel_size > 0:
            raise InputError(f"viz.voxel_size is {self.voxel_size}; it must be above 0")


class TrainingViewer:
    """A page that shows, every few seconds, a scene as the network in training sees it.

    Whatever goes wrong while drawing is logged once and never reaches the training.

    Threads: all methods belong to the training; viser serves the page in its own.
    """

    def __init__(
        self,
        settings: VizSettings,
        *,
        class_names: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the page.

        Args:
            settings: whether to draw at all is up to the caller.
            class_names: names of the values of `SceneBatch.segment`, if known.
            clock: seconds, for the time between two pictures.

        Raises:
            OSError: the port is taken.
            ImportError: viser is not installed.
        """
        self._settings, self._class_names, self._clock = settings, class_names, clock
        self._next = clock()
        self._failed = False
        # From another machine: ssh -L 8080:localhost:8080
        self._page = SideBySide(ViewerSettings(port=settings.port), TITLES, label="Training")
        self._page.tell({"step": "waiting for the first"})

    @property
    def port(self) -> int:
        """Port of the page, http://localhost:PORT."""
        return self._page.server.port

    def __enter__(self) -> TrainingViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @torch.no_grad()
    def after_step(self, steps: int, batch: SceneBatch, result: Step) -> None:
        """Show the first scene of a batch, if it is time to."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + self._settings.interval_seconds
        try:
            panels = self._panels(batch, result.output)
            self._page.show(panels.clouds)
            loss = float(result.losses["total"])
            self._page.tell(_status(batch.names[0], steps, loss, panels))
        except Exception:  # a picture is not worth a training
            if not self._failed:
                logger.exception("the training viewer cannot draw; training goes on")
            self._failed = True

    def after_validation(self, steps: int, losses: Mapping[str, float]) -> None:
        """Validation is not drawn."""

    def close(self) -> None:
        """Take the page down and free its port."""
        self._page.close()

    def _panels(self, batch: SceneBatch, output: Any) -> Panels:
        found = point_instances(
            output,
            score_thresh=self._settings.score_thresh,
            mask_thresh=self._settings.mask_thresh,
            class_names=self._class_names,
        )
        return make_panels(
            batch, found, voxel_size=self._settings.voxel_size, class_names=self._class_names
        )


def _status(scene: str, step: int, loss: float, panels: Panels) -> dict[str, str]:
    return {
        "scene": scene,
        "step": f"{step:,}",
        "loss": f"{loss:.4g}",
        "found": f"{panels.found} of {panels.objects} objects",
    }
