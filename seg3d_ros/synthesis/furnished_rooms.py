"""Rooms furnished from the furniture libraries, scanned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from seg3d_ros.synthesis.capture import random_capture
from seg3d_ros.synthesis.decor import LIVELY
from seg3d_ros.synthesis.layout import furnish
from seg3d_ros.synthesis.library import read_libraries
from seg3d_ros.synthesis.mesh_cache import BakedModels, bake
from seg3d_ros.synthesis.names import Furnishing, furnishings, names
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.scan import Scan, scan_rooms
from seg3d_ros.synthesis.splits import Split, furnishings_of, room_random
from seg3d_ros.synthesis.tour import Tour, plan_tour, scan_tour
from seg3d_ros.synthesis.varied_layout import furnish_varied


class FurnishedRooms:
    """Makes the rooms of a data set; see `RoomMaker`."""

    def __init__(self, seed: int, furniture: Sequence[Furnishing], models: BakedModels) -> None:
        """Furnish rooms with some furniture, whose meshes are among the models."""
        self.seed = seed
        self._furniture = furniture
        self._models = models

    def names(self) -> dict[str, bool]:
        """Names of the furniture and of the parts of a room; False for the held-out ones."""
        return {name: not entry.held_out_beside for name, entry in names().items()}

    def make(self, split: str, number: int) -> tuple[tuple[Room, ...], Scan]:
        """Furnish and scan a room; some scenes to train with are flats of several rooms."""
        known_split = cast("Split", split)
        rng = room_random(self.seed, known_split, number)
        if known_split == "train":
            return self._make_varied(rng)
        room = furnish(rng, furnishings_of(known_split, self._furniture), self._models.supports)
        return (room,), scan_rooms([room], self._models.load, rng)

    def make_tour(self, split: str, number: int, *, pose_noise: float = 0.0) -> Tour:
        """Furnish rooms and go through them, see `scan_tour`; same for the same arguments."""
        known_split = cast("Split", split)
        rng = room_random(self.seed, known_split, number)
        furniture = furnishings_of(known_split, self._furniture)
        rooms, visits = plan_tour(rng, furniture, self._models.supports)
        return scan_tour(rooms, visits, self._models.load, rng, pose_noise=pose_noise)

    def _make_varied(self, rng: np.random.Generator) -> tuple[tuple[Room, ...], Scan]:
        """Room to train with: the validation splits stay as they are, for their numbers."""
        furniture = furnishings_of("train", self._furniture)
        rooms = furnish_varied(rng, furniture, self._models.supports)
        return rooms, scan_rooms(rooms, self._models.load, rng, random_capture(rng), LIVELY)


def furnished_rooms(
    seed: int, libraries: Sequence[Path], *, meshes: Path, workers: int
) -> FurnishedRooms:
    """Read furniture libraries, and bake what is not in the folder `meshes` yet.

    Raises:
        LibraryError: a library cannot be read.
    """
    furniture = furnishings(read_libraries(libraries))
    models = {item.model.key: item.model for item in furniture}
    return FurnishedRooms(seed, furniture, bake(libraries, models, meshes, workers=workers))
