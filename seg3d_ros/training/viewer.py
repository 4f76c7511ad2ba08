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

logger = logging.getLogger(__name__)

_HOST = "127.0.0.1"  # the page knows no passwords; from elsewhere: ssh -L 8080:localhost:8080
_PITCH = 1.1  # from panel to panel, each of which is 1 wide
_CAMERA_PLACE, _CAMERA_TARGET, _CAMERA_FOV = (0.0, -1.9, 3.2), (0.0, 0.33, 0.0), 0.62
_HIDDEN = {"cover": "Ceiling, front wall", "names": "Names"}  # node, and what its box says
_TITLE_PLACE = (0.0, 0.58, 0.35)
_TITLE_SCALE, _CAPTION_SCALE = 1.6, 1.0


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
        self._captions: list[Any] = []
        self._server = _serve(settings.port)
        self._status = self._server.gui.add_markdown("Waiting for the first step.")
        self._add_panels()

    @property
    def port(self) -> int:
        """Port of the page, http://localhost:PORT."""
        return int(self._server.get_port())

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
            self._draw(panels)
            loss = float(result.losses["total"])
            self._status.content = _status(batch.names[0], steps, loss, panels)
        except Exception:  # a picture is not worth a training
            if not self._failed:
                logger.exception("the training viewer cannot draw; training goes on")
            self._failed = True

    def after_validation(self, steps: int, losses: Mapping[str, float]) -> None:
        """Validation is not drawn."""

    def close(self) -> None:
        """Take the page down and free its port."""
        self._server.stop()

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

    def _add_panels(self) -> None:
        """Titles, and what is hidden until its box is ticked."""
        scene, gui = self._server.scene, self._server.gui
        for place, title in enumerate(TITLES):
            scene.add_frame(f"/{title}", show_axes=False, position=((place - 1) * _PITCH, 0, 0))
            scene.add_label(
                f"/{title}/title", title, position=_TITLE_PLACE, anchor="bottom-center",
                font_screen_scale=_TITLE_SCALE,
            )  # fmt: skip
        for group, box in _HIDDEN.items():
            frames = [
                scene.add_frame(f"/{title}/{group}", show_axes=False, visible=False)
                for title in TITLES
            ]
            gui.add_checkbox(box, False).on_update(_shows(frames))

    def _draw(self, panels: Panels) -> None:
        scene, room = self._server.scene, ~panels.cover
        with self._server.atomic():
            for caption in self._captions:
                caption.remove()
            self._captions.clear()
            for title, panel in zip(TITLES, panels.panels, strict=True):
                for node, part in (("room", room), ("cover/points", panels.cover)):
                    scene.add_point_cloud(
                        f"/{title}/{node}", panels.points[part], panel.colors[part],
                        point_size=panels.point_size, point_shading="flat", point_shape="circle",
                    )  # fmt: skip
                for number, (name, position) in enumerate(panel.captions):
                    label = scene.add_label(
                        f"/{title}/names/{number}", name, position=position,
                        anchor="bottom-center", font_screen_scale=_CAPTION_SCALE,
                    )  # fmt: skip
                    self._captions.append(label)


def _serve(port: int) -> Any:
    """A viser server with the camera in place; viser itself would move on to a free port."""
    try:
        import viser
    except ImportError as error:
        raise ImportError(
            "viz.enabled needs viser; install it with pip install 'seg3d_ros[train]'"
        ) from error
    server = viser.ViserServer(_HOST, port, label="Training", verbose=False)
    if port not in (0, server.get_port()):
        server.stop()
        raise OSError(f"viz.port {port} is taken; set viz.port to another one, or to 0 for any")
    server.gui.configure_theme(show_share_button=False, show_logo=False)
    server.initial_camera.position = _CAMERA_PLACE
    server.initial_camera.look_at = _CAMERA_TARGET
    server.initial_camera.fov = _CAMERA_FOV
    return server


def _shows(nodes: list[Any]) -> Callable[[Any], None]:
    def on_update(event: Any) -> None:
        for node in nodes:
            node.visible = event.target.value

    return on_update


def _status(scene: str, step: int, loss: float, panels: Panels) -> str:
    rows = (
        ("scene", f"`{scene}`"),
        ("step", f"{step:,}"),
        ("loss", f"{loss:.4g}"),
        ("found", f"{panels.found} of {panels.objects} objects"),
    )
    return "\n".join(["| | |", "|-|-|", *(f"| {name} | {value} |" for name, value in rows)])
