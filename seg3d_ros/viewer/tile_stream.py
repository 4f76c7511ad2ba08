"""Stream of tiles to the pages: what changed, nearest first, at a bounded rate."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from seg3d_ros.scene import Float64
from seg3d_ros.viewer.detail import focal_px, levels_for
from seg3d_ros.viewer.settings import ViewerSettings
from seg3d_ros.viewer.tiles import COLOR_BYTES, POINT_BYTES, TiledCloud

log = logging.getLogger(__name__)

PERIOD_S = 0.1
_MESSAGE_BYTES = 300  # of a tile, beside its points
_FIRST_LEVEL = 2  # of tiles that a page lacks while much is to be sent
Cell = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class View:
    """Content of the pages.

    Attributes:
        cloud: the map.
        ceiling: height above which it is cut off, local coordinates, metres.
        point_size: edge of a point, in voxels.
        epoch: of the map; another one shares no tile with this.
    """

    cloud: TiledCloud
    ceiling: float = np.inf
    point_size: float = 1.0
    epoch: int = 0


class _Shown(NamedTuple):
    """State of a tile that a page has."""

    geometry: bytes
    shades: bytes
    level: int
    ceiling: float
    point_size: float
    points: int
    handle: Any  # None: no point of it is below the ceiling


@dataclass(eq=False)
class _Page:
    """A page and the tiles that it has."""

    client: Any
    epoch: int = -1
    edge: float = 0.0
    tiles: dict[Cell, _Shown] = field(default_factory=dict)
    credit: float = 0.0  # bytes that may be sent now
    drawn: int = 0  # points


class TileStream:
    """Brings each page up to date with the newest view; at rest nothing is sent.

    One thread does all the sending. `show`, `add_page` and `remove_page` may be called from any.
    """

    def __init__(self, settings: ViewerSettings) -> None:
        """Send nothing yet."""
        self._max_points = settings.max_points
        self._rate = settings.max_rate * 1e6
        self._view: View | None = None
        self._pages: dict[int, _Page] = {}
        self._wake = threading.Condition()
        self._stirred = False  # since the last round
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tiles", daemon=True)
        self._thread.start()

    def show(self, view: View) -> None:
        """Show another view; tiles that are equal are not sent again."""
        with self._wake:
            self._view = view
            self._stir()

    def change(self, **changes: Any) -> None:
        """Show the view with other settings."""
        with self._wake:
            if self._view is not None:
                self._view = replace(self._view, **changes)
                self._stir()

    def add_page(self, client: Any) -> None:
        """Begin with a page, a viser client; its camera decides on the details."""
        with self._wake:
            self._pages[client.client_id] = _Page(client)
            self._stir()
        client.camera.on_update(lambda _: self.stir())

    def remove_page(self, client: Any) -> None:
        """Forget a page that was closed."""
        with self._wake:
            self._pages.pop(client.client_id, None)

    def stir(self) -> None:
        """Look at the cameras soon."""
        with self._wake:
            self._stir()

    def close(self) -> None:
        """Send nothing more."""
        with self._wake:
            self._closed = True
            self._stir()
        self._thread.join()

    def _stir(self) -> None:
        self._stirred = True
        self._wake.notify()

    def _run(self) -> None:
        owing = False
        while True:
            with self._wake:
                self._wake.wait_for(
                    lambda: self._stirred or self._closed, PERIOD_S if owing else None
                )
                if self._closed:
                    return
                self._stirred = False
                view, pages = self._view, list(self._pages.values())
            served = [self._serve(page, view) for page in pages] if view else []
            owing = max(served, default=False)
            time.sleep(PERIOD_S)

    def _serve(self, page: _Page, view: View) -> bool:
        """Send what the credit allows; returns whether the page still lacks something."""
        page.credit = min(page.credit + self._rate * PERIOD_S, self._rate * PERIOD_S * 2)
        try:
            with page.client.atomic():
                return self._bring_up_to_date(page, view)
        except Exception:  # of one page, which may be closing
            log.exception("page %d cannot be brought up to date", page.client.client_id)
            return False

    def _bring_up_to_date(self, page: _Page, view: View) -> bool:
        grid = view.cloud.grid
        if (page.epoch, page.edge) != (view.epoch, grid.edge):
            _remove(page, list(page.tiles))
            page.epoch, page.edge = view.epoch, grid.edge
        cells: list[Cell] = list(map(tuple, grid.cells.tolist()))
        _remove(page, list(page.tiles.keys() - set(cells)))
        levels, distance = self._levels(page, view)
        absent_first = np.array([cell in page.tiles for cell in cells], bool)
        for tile in np.lexsort((distance, absent_first)).tolist():
            if page.credit <= 0:
                return True
            self._update(page, view, tile, cells[tile], int(levels[tile]))
        return any(page.tiles[cell].level > levels[tile] for tile, cell in enumerate(cells))

    def _levels(self, page: _Page, view: View) -> tuple[Any, Float64]:
        """Level and distance of each tile for a page's camera."""
        camera = page.client.camera
        eye = np.asarray(camera.position, np.float64)
        focal = focal_px(camera.fov, camera.image_height or 720)
        distance = np.linalg.norm(view.cloud.grid.centers - eye, axis=1)
        levels = levels_for(view.cloud, eye, focal, max_points=self._max_points)
        return levels, distance

    def _update(self, page: _Page, view: View, tile: int, cell: Cell, level: int) -> None:
        """Bring one tile up to date."""
        cloud, shown = view.cloud, page.tiles.get(cell)
        ceiling = _cut_of(view, tile)
        if shown is None:
            much = float(cloud.sizes().sum()) * POINT_BYTES > self._rate
            level = max(level, _FIRST_LEVEL) if much else level
        else:
            same = shown.geometry == cloud.geometry[tile] and shown.ceiling == ceiling
            fine = shown.level <= level and page.drawn <= self._max_points
            if same and (fine or shown.level == level):
                self._restyle(page, view, tile, cell, shown)
                return
        rows = cloud.rows(tile, level, ceiling)
        handle = None
        size = view.point_size * cloud.voxel_size * 2**level
        name = f"/map/{cell[0]}_{cell[1]}_{cell[2]}"
        if len(rows):
            handle = page.client.scene.add_point_cloud(
                name, cloud.near(rows), cloud.colors(rows), point_size=size,
                point_shape="circle", point_shading="flat", position=cloud.grid.centers[tile],
            )  # fmt: skip
            page.credit -= POINT_BYTES * len(rows) + _MESSAGE_BYTES
        elif shown is not None and shown.handle is not None:
            shown.handle.remove()
        page.drawn += len(rows) - (shown.points if shown else 0)
        page.tiles[cell] = _Shown(
            cloud.geometry[tile], cloud.shades[tile], level, ceiling, view.point_size,
            len(rows), handle,
        )  # fmt: skip

    def _restyle(self, page: _Page, view: View, tile: int, cell: Cell, shown: _Shown) -> None:
        """Give a tile whose points stay other colours, or another size of its points."""
        cloud = view.cloud
        if shown.handle is not None and shown.shades != cloud.shades[tile]:
            rows = cloud.rows(tile, shown.level, shown.ceiling)
            shown.handle.colors = cloud.colors(rows)
            page.credit -= COLOR_BYTES * len(rows) + _MESSAGE_BYTES
        if shown.handle is not None and shown.point_size != view.point_size:
            shown.handle.point_size = view.point_size * cloud.voxel_size * 2**shown.level
            page.credit -= _MESSAGE_BYTES
        page.tiles[cell] = shown._replace(shades=cloud.shades[tile], point_size=view.point_size)


def _cut_of(view: View, tile: int) -> float:
    """Ceiling within a tile: infinite where the tile is below it, minus infinite above it."""
    grid = view.cloud.grid
    low = float(grid.cells[tile, 2]) * grid.edge
    if view.ceiling >= low + grid.edge:
        return np.inf
    return -np.inf if view.ceiling <= low else view.ceiling


def _remove(page: _Page, cells: list[Cell]) -> None:
    for cell in cells:
        shown = page.tiles.pop(cell)
        page.drawn -= shown.points
        if shown.handle is not None:
            shown.handle.remove()
