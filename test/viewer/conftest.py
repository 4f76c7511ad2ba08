"""Engine of the toy room, shared by the tests of the pages."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.scene import Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.viewer.settings import ViewerSettings

SECOND = 1_000_000_000
GEOMETRIC = PerceptionSettings.of({"segmentation.model": "geometric", "prompt.model": "geometric"})


def frame_of(pose: np.ndarray, stamp_ns: int) -> Frame:
    depth, color = toy_room.cast(pose)
    points = deproject(depth, toy_room.CAMERA, depth_unit=1.0)
    grid = (toy_room.CAMERA.height, toy_room.CAMERA.width)
    return Frame(points, color.reshape(-1, 3), stamp_ns, pose, grid=grid, camera=toy_room.CAMERA)


@pytest.fixture(scope="package")
def frames() -> list[Frame]:
    return [frame_of(pose, i * SECOND) for i, pose in enumerate(toy_room.views(6), 1)]


@pytest.fixture
def engine(frames: list[Frame]) -> Engine:
    """Has seen the toy room and knows its objects."""
    made = Engine(GEOMETRIC)
    for frame in frames:
        made.integrate(frame)
    made.settle()
    yield made
    made.close()


@pytest.fixture
def open_viewer(engine: Engine):
    """Opens pages of the engine: options are settings."""
    pytest.importorskip("viser", reason="the viewer needs viser: pip install .[viewer]")
    from seg3d_ros.viewer.viewer import Viewer

    opened = []

    def start(**settings):
        opened.append(Viewer(engine, ViewerSettings(**{"port": 0, **settings})))
        return opened[-1]

    yield start
    for viewer in opened:
        viewer.close()
