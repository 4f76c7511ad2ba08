"""Bytes that the map costs, over a real socket."""

from __future__ import annotations

import time

import numpy as np
import pytest
from support.waiting import wait_until

from seg3d_ros.viewer.settings import ViewerSettings
from seg3d_ros.viewer.tiles import TiledCloud

VOXEL = 0.05
EYE = (-3.0, 0.0, 1.0)


def floor(count: int = 100, height: float = 0.0) -> np.ndarray:
    """(count², 3) points of a floor, one a voxel."""
    axis = (np.arange(count) - count / 2 + 0.5) * VOXEL
    x, y = np.meshgrid(axis, axis)
    return np.stack([x, y, np.full_like(x, height)], -1).reshape(-1, 3).astype(np.float32)


def view(points: np.ndarray, color: int = 100, **options):
    from seg3d_ros.viewer.tile_stream import View

    colors = np.full(points.shape, color, np.uint8)
    return View(TiledCloud(points, VOXEL).painted(colors), **options)


@pytest.fixture
def stage():
    """A server with a stream, and what makes pages of it."""
    pytest.importorskip("viser", reason="the viewer needs viser: pip install .[viewer]")
    from support.page_client import PageClient

    from seg3d_ros.viewer.server import PageServer
    from seg3d_ros.viewer.tile_stream import TileStream

    class Stage:
        def __init__(self):
            self.opened = []

        def start(self, **settings):
            chosen = ViewerSettings(port=0, **settings)
            self.server, self.stream = PageServer(chosen, label="test"), TileStream(chosen)
            self.server.viser.on_client_connect(self.stream.add_page)
            self.server.viser.on_client_disconnect(self.stream.remove_page)
            return self.stream

        def page(self, eye=EYE):
            self.opened.append(PageClient(self.server.port, eye=eye))
            return self.opened[-1]

        def close(self):
            for page in self.opened:
                page.close()
            self.stream.close()
            self.server.close()

    made = Stage()
    yield made
    made.close()


def bytes_of(page, change) -> int:
    """Bytes that a change costs a page."""
    before = page.bytes
    change()
    page.wait_for_quiet()
    return page.bytes - before


def test_a_page_gets_every_point_once_and_then_nothing(stage):
    points = floor()
    stage.start().show(view(points))
    page = stage.page()
    page.wait_for_quiet()
    assert sum(page.counts.values()) == len(points)
    assert bytes_of(page, lambda: stage.stream.show(view(points))) == 0
    assert bytes_of(page, stage.stream.stir) == 0


def test_only_the_tile_that_changed_is_sent_again(stage):
    points = floor()
    stage.start().show(view(points))
    page = stage.page()
    page.wait_for_quiet()
    everything = page.bytes
    moved = points.copy()
    moved[0] += 0.01
    cost = bytes_of(page, lambda: stage.stream.show(view(moved)))
    assert 0 < cost < everything / 10  # one of 36 tiles, and viser's words around it


def test_other_colours_cost_three_bytes_a_point(stage):
    points = floor()
    stage.start().show(view(points))
    page = stage.page()
    page.wait_for_quiet()
    cost = bytes_of(page, lambda: stage.stream.show(view(points, color=200)))
    assert 3 * len(points) <= cost < 4 * len(points)


def test_the_cut_removes_what_is_above_it(stage):
    points = np.concatenate([floor(), floor(height=2.5)])
    stage.start().show(view(points))
    page = stage.page()
    page.wait_for_quiet()
    assert sum(page.counts.values()) == len(points)
    bytes_of(page, lambda: stage.stream.change(ceiling=2.0))
    assert sum(page.counts.values()) == len(points) / 2
    bytes_of(page, lambda: stage.stream.change(ceiling=np.inf))
    assert sum(page.counts.values()) == len(points)


def test_a_distant_page_gets_less_and_more_when_it_comes_near(stage):
    points = floor()
    stage.start().show(view(points))
    page = stage.page(eye=(-200.0, 0.0, 1.0))
    page.wait_for_quiet()
    assert sum(page.counts.values()) < len(points) / 8
    page.look_from(EYE)
    page.wait_for_quiet()
    assert sum(page.counts.values()) == len(points)


def test_a_page_draws_no_more_points_than_it_may(stage):
    stage.start(max_points=10_000).show(view(floor(200)))  # 40,000
    page = stage.page()
    page.wait_for_quiet()
    assert 1_000 < sum(page.counts.values()) <= 13_000  # levels are estimates


def test_a_large_map_comes_coarse_first_and_at_a_bounded_rate(stage):
    points = floor(300)  # 810 kB
    stage.start(max_rate=0.1).show(view(points))
    start = time.monotonic()
    page = stage.page()
    wait_until(lambda: len(page.counts) == 16 * 16, "all tiles")
    assert sum(page.counts.values()) < len(points) / 2
    elapsed = time.monotonic() - start
    assert page.bytes < 100_000 * (elapsed + 1) + 60_000  # viser's own messages, one tile


def test_another_epoch_begins_with_an_empty_page(stage):
    stage.start().show(view(floor()))
    page = stage.page()
    page.wait_for_quiet()
    small = floor(10)
    bytes_of(page, lambda: stage.stream.show(view(small, epoch=1)))
    assert sum(page.counts.values()) == len(small)
