from __future__ import annotations

import logging
import socket

import numpy as np
import pytest
import torch
from support.browser import open_page

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.maskformer.network import MaskFormerOutput
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.training.learner import Step
from seg3d_ros.training.panels import TITLES
from seg3d_ros.training.viewer import TrainingViewer, VizSettings

viser = pytest.importorskip("viser", reason="the viewer needs viser: pip install .[train]")
CYAN = (0.0, 0.8, 0.8)
GREY = (170, 170, 170)
FIND_NAMES = "[...document.querySelectorAll('label')].find(l => l.innerText == 'Names')"
DEFAULTS = {
    "enabled": True, "port": 0, "interval_seconds": 10, "voxel_size": 0.02,
    "score_thresh": 0.5, "mask_thresh": 0.0,
}  # fmt: skip


@pytest.fixture
def clock():
    """A clock that stands still until it is told."""

    class Clock:
        now = 100.0

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
def viewer(clock):
    with TrainingViewer(VizSettings(**DEFAULTS), class_names=("floor", "box"), clock=clock) as it:
        yield it


def floor() -> tuple[SceneBatch, MaskFormerOutput]:
    """A cyan square that is one instance, of which one query has found one half."""
    axis = np.arange(100) * 0.04 + 0.02
    points = np.stack([*np.meshgrid(axis, axis), np.zeros((100, 100))], -1).reshape(-1, 3)
    count = len(points)
    labels = torch.zeros(count, dtype=torch.int64)
    batch = SceneBatch(
        torch.from_numpy(points.astype(np.float32)), torch.tensor(CYAN).repeat(count, 1),
        torch.zeros(count, 3), labels, labels, (count,), ("square",),
    )  # fmt: skip
    left = torch.from_numpy(points[:, 0] < 2)
    masks = torch.where(left, 5.0, -5.0)[None]
    return batch, MaskFormerOutput(torch.tensor([[[9.0, 0.0, 0.0]]]), (masks,))


def look(viewer: TrainingViewer, steps: int, output: object = None) -> None:
    batch, found = floor()
    losses = {"total": torch.tensor(0.25)}
    viewer.after_step(steps, batch, Step(losses, output or found, gradient_norm=1.0, rate=0.1))


def state(port: int) -> list[dict]:
    """State sent to a browser that opens the page now, in viser's wire format."""
    client = pytest.importorskip("websockets.sync.client")
    import msgspec
    import zstandard

    messages: list[dict] = []
    url, protocol = f"ws://127.0.0.1:{port}", f"viser-v{viser.__version__}"
    with client.connect(url, subprotocols=[protocol], max_size=None, compression=None) as page:
        while not any(message["type"] == "ReplayDoneMessage" for message in messages):
            frame = page.recv(timeout=20)
            packed = frame[16 : 16 + int.from_bytes(frame[8:16], "little")]
            messages += msgspec.msgpack.decode(zstandard.decompress(packed))["messages"]
    return messages


def visible(port: int) -> set[str]:
    nodes = [m for m in state(port) if m["type"] == "SetSceneNodeVisibilityMessage"]
    return {node["name"] for node in nodes if node["visible"]}


def text(port: int) -> str:
    return str([m for m in state(port) if m["type"].startswith("Gui")])


def test_a_page_that_opens_is_told_everything(viewer):
    look(viewer, 1234)
    nodes = {m["name"] for m in state(viewer.port) if m["type"] == "PointCloudMessage"}
    assert {f"/{title}/room" for title in TITLES} <= nodes
    for expected in ("square", "1,234", "0.25", "0 of 1"):
        assert expected in text(viewer.port)


def test_pictures_keep_their_distance(viewer, clock):
    look(viewer, 11)
    clock.now += 9.9
    look(viewer, 22)
    assert ">11<" in text(viewer.port)
    clock.now += 0.1
    look(viewer, 33)
    assert ">33<" in text(viewer.port)


def test_old_captions_go(viewer, clock):
    def captions() -> list[str]:
        labels = [m for m in state(viewer.port) if m["type"] == "LabelMessage"]
        return [m["props"]["text"] for m in labels if "/names/" in m["name"]]

    look(viewer, 1)
    assert captions() == ["floor", "floor"]  # in truth and prediction
    clock.now += 60
    _, output = floor()
    look(viewer, 2, MaskFormerOutput(-output.logits, output.masks))
    assert captions() == ["floor"]


def test_what_fails_is_logged_once_and_training_goes_on(viewer, clock, caplog):
    with caplog.at_level(logging.ERROR):
        for step in range(3):
            look(viewer, step, "no output")
            clock.now += 60
    (record,) = caplog.records
    assert "training goes on" in record.message
    look(viewer, 44)
    assert ">44<" in text(viewer.port)


def test_a_taken_port_is_named_and_a_closed_viewer_frees_its_own():
    first = TrainingViewer(VizSettings(**DEFAULTS))
    port = first.port
    with pytest.raises(OSError, match=f"port {port} is taken"):
        TrainingViewer(VizSettings(**{**DEFAULTS, "port": port}))
    first.close()
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"port": -1}, {"voxel_size": 0.0}])
def test_settings_out_of_range_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        VizSettings(**{**DEFAULTS, **wrong})


def test_a_browser_shows_three_panels_side_by_side(viewer, tmp_path):
    look(viewer, 1)
    cyan = tuple(round(255 * channel) for channel in CYAN)

    def columns(picture: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
        near = (np.abs(picture - np.array(color, int)) < 12).all(axis=2)
        return np.flatnonzero(near.sum(axis=0) > 20)

    of_panels = (cyan, tuple(color_of(0)), tuple(color_of(1)))
    with open_page(tmp_path) as page:
        page.open(f"http://127.0.0.1:{viewer.port}")
        page.wait_for(lambda _: page.evaluate(f"{FIND_NAMES} !== undefined"))
        assert "square" in page.evaluate("document.body.innerText")
        page.evaluate(f"{FIND_NAMES}.click()")
        page.wait_for(lambda _: {f"/{title}/names" for title in TITLES} <= visible(viewer.port))
        picture = page.wait_for(lambda seen: all(len(columns(seen, c)) > 50 for c in of_panels))
    middles = [np.median(columns(picture, color)) / picture.shape[1] for color in of_panels]
    assert [int(3 * middle) for middle in middles] == [0, 1, 2]
    assert len(columns(picture, GREY)) > 100  # the half that no query has found
