"""Places in the map: named areas, and poses from which objects are seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.engine.world_states import WorldStates
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.objects.approach import SEARCHED_M, Approach, ApproachRequest, find_approaches
from seg3d_ros.objects.areas import Area, room_area, with_area, without_area
from seg3d_ros.scene import Float64
from seg3d_ros.timings import StageTimings


class Places:
    """Areas and approaches.

    Attributes:
        sensor_position: (3,) of the newest frame, map frame, metres; None before the first.
    """

    def __init__(
        self, states: WorldStates, current_map: Callable[[], VoxelMap], timings: StageTimings
    ) -> None:
        self.sensor_position: Float64 | None = None
        self._states = states
        self._current_map = current_map
        self._timings = timings

    def find_approaches(self, object_id: int, request: ApproachRequest) -> list[Approach]:
        """Places to look at an object from, best first; see `objects.approach`.

        A robot whose place is not given is where the sensor was when the newest frame was taken.

        Raises:
            UnknownObjectError: there is no such object.
            NoApproachError: there is no such place.
        """
        known = self._states.objects.get(object_id)
        position = self.sensor_position
        if request.start is None and position is not None:
            request = replace(request, start=(float(position[0]), float(position[1])))
        scene = self._current_map().snapshot(center=known.box.center, radius=SEARCHED_M)
        with self._timings.measure("approach"):
            return find_approaches(scene, known, request)

    def set_area(self, area: Area) -> WorldState:
        """Name a part of the map, or give an area other corners.

        Raises:
            InputError: there are too many areas.
        """
        states = self._states
        with states.lock:
            return states.advance(areas=with_area(states.newest.areas, area))

    def set_room(self, name: str, place: Float64) -> WorldState:
        """Name the room around a place (2,) or (3,), map frame, metres, as seen so far.

        Raises:
            EmptyMapError: nothing has been integrated yet.
            InputError: no floor or no room was seen there.
        """
        scene = self._current_map().snapshot()
        if not len(scene):
            raise EmptyMapError
        return self.set_area(room_area(name, scene, place))

    def remove_area(self, name: str) -> WorldState:
        """Forget an area.

        Raises:
            InputError: there is none of this name.
        """
        states = self._states
        with states.lock:
            left = without_area(states.newest.areas, name)
            if len(left) == len(states.newest.areas):
                raise InputError(f"there is no area {name!r} to forget")
            return states.advance(areas=left)
