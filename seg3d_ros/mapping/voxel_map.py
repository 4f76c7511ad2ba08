"""Voxel map: frames in, scenes out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.mapping.carving import carve, depth_view
from seg3d_ros.mapping.input_frame import check_frame, is_view, read_only
from seg3d_ros.mapping.integration import (
    Measured,
    Pending,
    fold_all,
    integrate_points,
    pass_parameters,
)
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.snapshot import make_scene
from seg3d_ros.mapping.voxel_arrays import arrays_of_rows, rows_of_arrays
from seg3d_ros.mapping.voxel_table import VoxelTable
from seg3d_ros.scene import (
    Camera,
    Float32,
    Float64,
    Frame,
    Int64,
    MapGrid,
    Scene,
    origin_near,
)
from seg3d_ros.sensing.estimate_intrinsics import as_image, camera_of
from seg3d_ros.sensing.frame_filter import FrameFilter, range_image
from seg3d_ros.sensing.lens import ideal_view, resample
from seg3d_ros.sensing.stamp_clock import Change, StampClock
from seg3d_ros.sparse.hash_index import find_rows
from seg3d_ros.sparse.voxel_keys import AXIS_LIMIT, keys_of_points

NEVER = np.iinfo(np.int64).min  # stamp of an element that the map does not hold
_CARVED_ROWS = 200_000  # checked a frame, larger maps in turns: about 1 ms


@dataclass(frozen=True)
class IntegrationReport:
    """Changes that one frame made to the map; counts.

    Attributes:
        points_used: points averaged into voxels.
        points_outside: points beyond the reach of the map, skipped.
        voxels_added: voxels that were new.
        voxels_carved: voxels removed because the frame looks through them.
        voxels_evicted: voxels removed to stay within `max_voxels`.
    """

    points_used: int
    points_outside: int
    voxels_added: int
    voxels_carved: int
    voxels_evicted: int


class VoxelMap:
    """A persistent voxel hash: running means of position and colour in each voxel.

    Voxels are counted from an origin near the first frame that is taken in; see `MapGrid`.

    Every method may be called from any thread. One lock guards the voxels; `integrate` holds it
    for its compiled passes, which release the GIL, and `snapshot` only while it copies.

    Attributes:
        frame_filter: which points are kept; assign another to change it from the next frame on.
    """

    def __init__(
        self, settings: MapSettings | None = None, frame_filter: FrameFilter | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._settings = settings or MapSettings()
        self.frame_filter = frame_filter or FrameFilter()
        self._table = VoxelTable(self._settings.max_voxels)
        self._origin: Float64 | None = None  # until a point is in the map
        self._newest_stamp_ns = 0
        self._clocks: dict[str, StampClock] = {}  # by source
        self._next_carved = 0

    def __len__(self) -> int:
        """Number of voxels."""
        return self._table.count

    @property
    def grid(self) -> MapGrid:
        """Grid of the voxels; its origin is zero as long as the map has had none."""
        origin = self._origin
        return MapGrid(self._settings.voxel_size, np.zeros(3) if origin is None else origin)

    @property
    def reach(self) -> float:
        """Largest distance from the origin along each axis, metres."""
        return AXIS_LIMIT * self._settings.voxel_size

    @property
    def newest_stamp_ns(self) -> int:
        """Stamp of the newest frame in the map, 0 when there is none."""
        return self._newest_stamp_ns

    @property
    def settings(self) -> MapSettings:
        """Settings in force; others may be assigned at any time.

        Raises:
            ValueError: the new ones have another voxel size; the voxels of a map have one size.
        """
        return self._settings

    @settings.setter
    def settings(self, settings: MapSettings) -> None:
        if settings.voxel_size != self._settings.voxel_size:
            raise ValueError(
                f"voxel_size is {self._settings.voxel_size} and cannot become "
                f"{settings.voxel_size} in a running map; make a new one"
            )
        with self._lock:
            self._settings = settings
            self._table.set_bound(settings.max_voxels)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._table = VoxelTable(self._settings.max_voxels)
            self._origin = None
            self._newest_stamp_ns = 0
            self._clocks.clear()

    def integrate(self, frame: Frame) -> IntegrationReport:
        """Take a frame in, then carve the free space it sees.

        Two stamps of a source more than a second older than its others mean that its clock was
        set back (a recording starts again): the map stays, and all of it counts as seen before.

        Raises:
            ValueError: arrays of another type than `Frame` says, or a pose that is not rigid.
        """
        check_frame(frame)
        frame = as_image(frame)
        ranges = range_image(frame)
        camera = camera_of(frame)
        organised = camera is not None or is_view(frame)
        with self._lock:
            self._follow_clock(frame.source, frame.stamp_ns)
            before = self._table.count
            grid = self._grid_for(frame)
            used, outside, evicted = self._add(frame, ranges, grid, organised=organised)
            if used:
                self._origin = grid.origin
            added = self._table.count - before + evicted
            carved = 0
            if camera is not None and self._settings.carve_free_space:
                carved = self._carve(frame, ranges, camera, grid)
        return IntegrationReport(used, outside, added, carved, evicted)

    def snapshot(
        self, *, center: npt.ArrayLike | None = None, radius: float | None = None
    ) -> Scene:
        """Copy the map, or the part of it around a point; integration goes on meanwhile.

        Args:
            center: (3,) map frame, metres; with `radius`.
            radius: farthest distance from `center`, metres.

        Returns:
            A scene sorted by element id, so that equal maps give equal scenes.

        Raises:
            ValueError: one of `center` and `radius` without the other.
        """
        if (center is None) != (radius is None):
            raise ValueError("center and radius cut a ball out of the map together; give both")
        ball = None
        if center is not None and radius is not None:
            ball = (np.asarray(center, np.float64).reshape(3), float(radius))
        with self._lock:
            used = self._table.used()
            keys, means = used.keys.copy(), used.means.copy()
            stamp_ns, grid = self._newest_stamp_ns, self.grid
        return make_scene(keys, means, grid=grid, stamp_ns=stamp_ns, ball=ball)

    def last_seen(self, element_ids: Int64) -> Int64:
        """(N,) int64 stamps of the newest measurement of (N,) elements; NEVER for others."""
        with self._lock:
            rows = find_rows(self._table.index, element_ids)
            return np.where(rows >= 0, self._table.rows.last_seen[rows], NEVER)

    def element_ids_at(self, points: npt.ArrayLike) -> Int64:
        """Ids (N,) that the elements at (N, 3) points have in this map, whether there or not.

        Args:
            points: map frame, metres.

        Raises:
            InputError: a point is not finite or out of the map's reach.
        """
        grid = self.grid
        return keys_of_points(grid.local_from_map(points), grid.voxel_size)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy of the map as named arrays, for a file."""
        with self._lock:
            return arrays_of_rows(self._table.used(), self.grid, self._newest_stamp_ns)

    def load_arrays(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Replace the map with what `to_arrays` gave.

        Raises:
            InputError: says which array is missing or wrong; the map is then as before.
        """
        settings = self._settings
        rows, grid, newest_stamp_ns = rows_of_arrays(
            arrays, voxel_size=settings.voxel_size, max_voxels=settings.max_voxels
        )
        table = VoxelTable(settings.max_voxels, rows)
        with self._lock:
            self._table = table
            self._origin = grid.origin if len(rows.keys) or grid.origin.any() else None
            self._newest_stamp_ns = newest_stamp_ns
            self._clocks.clear()

    def _follow_clock(self, source: str, stamp_ns: int) -> None:
        """Keep the newest stamp, and no voxel seen after it: what was seen later goes first."""
        clocks = self._clocks
        if source not in clocks:  # after a load, the map's own stamp is all that is known
            clocks[source] = StampClock(stamp_ns if clocks else self._newest_stamp_ns or stamp_ns)
        before_ns = clocks[source].suspect_ns
        change = clocks[source].follow(stamp_ns)
        last_seen = self._table.used().last_seen
        if change is Change.WENT_BACK and before_ns is not None:
            last_seen[last_seen > max(before_ns, stamp_ns)] = min(before_ns, stamp_ns) - 1
            self._newest_stamp_ns = stamp_ns
        elif change is Change.AHEAD_REFUTED:
            self._newest_stamp_ns = max(clock.newest_ns for clock in clocks.values())
            np.minimum(last_seen, self._newest_stamp_ns, out=last_seen)
        self._newest_stamp_ns = max(self._newest_stamp_ns, stamp_ns)

    def _grid_for(self, frame: Frame) -> MapGrid:
        """Grid of the map, or the one that it would begin with at this frame."""
        if self._origin is not None:
            return self.grid
        return MapGrid(self._settings.voxel_size, origin_near(frame.map_from_sensor[:3, 3]))

    def _add(
        self, frame: Frame, ranges: Float32, grid: MapGrid, *, organised: bool
    ) -> tuple[int, int, int]:
        """Integrate the points; returns points used, points outside and voxels evicted."""
        table, settings = self._table, self._settings
        measured = Measured(read_only(frame.points), read_only(frame.colors), ranges)
        parameters = pass_parameters(
            frame,
            self.frame_filter,
            grid,
            max_weight=settings.max_weight,
            organised=organised,
        )
        pending = Pending.empty()
        used = outside = evicted = start = 0
        while start < len(frame.points):
            start, table.count, now_used, now_outside = integrate_points(
                measured, parameters, pending, table.rows, table.index, table.count, start
            )
            used, outside = used + now_used, outside + now_outside
            if start < len(frame.points):
                evicted += table.make_room()
        done = False
        while not done:
            done, table.count = fold_all(pending, parameters, table.rows, table.index, table.count)
            if not done:
                evicted += table.make_room()
        return used, outside, evicted

    def _carve(self, frame: Frame, ranges: Float32, camera: Camera, grid: MapGrid) -> int:
        table = self._table
        if camera.distortion is not None:
            ideal = ideal_view(camera)
            camera, ranges = ideal.camera, resample(ideal, ranges)
        view = depth_view(
            camera,
            grid.local_from_sensor(frame.map_from_sensor),
            voxel_size=grid.voxel_size,
            stamp_ns=frame.stamp_ns,
        )
        before = table.count
        first = min(self._next_carved, before)
        end = min(first + _CARVED_ROWS, before)
        table.count = carve(ranges, view, table.rows, table.index, before, first, end)
        self._next_carved = end if end < before else 0
        return before - table.count
