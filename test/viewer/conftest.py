"""Engine of the toy room, shared by the tests of the pages."""

from __future__ import annotations

import pytest
from support import toy_room
from support.room_frames import GEOMETRIC, SECOND, frame_of

from seg3d_ros.engine.engine import Engine
from seg3d_ros.scene import Frame
from seg3d_ros.viewer.settings import ViewerSettings


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
