"""Stand-off poses: each one is free, reachable, in range, and faces what it sees."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from support.furnished_blocks import ORIGIN, ROOM, VOXEL, Cells, block, furnished, scene_of

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.floor_plan import FloorPlan, floor_plan
from seg3d_ros.objects.approach import (
    Approach,
    ApproachRequest,
    NoApproachError,
    find_approaches,
    visible_shares,
)
from seg3d_ros.objects.map_object import MapObject

FLOOR_Z = ORIGIN[2] + VOXEL / 2


def looked_for(name: str, request: ApproachRequest, **changes: Cells) -> list[Approach]:
    parts = {**ROOM, **changes}
    return find_approaches(scene_of(parts), named(name, parts), request)


def named(name: str, parts: dict[str, Cells] = ROOM) -> MapObject:
    return next(known for known in furnished(**parts).confirmed() if known.label == name)


def cell_at(plan: FloorPlan, x: int, y: int) -> tuple[int, int]:
    """Cell of a plan at a cell of the room."""
    column, row = np.floor((np.array(at(x, y)) - plan.corner) / plan.cell).astype(int)
    return column, row


def at(x: int, y: int) -> tuple[float, float]:
    """Middle of a voxel in the map frame."""
    return (float(ORIGIN[0]) + (x + 0.5) * VOXEL, float(ORIGIN[1]) + (y + 0.5) * VOXEL)


@pytest.mark.parametrize("name", ["table", "armchair", "bin", "picture"])
def test_places_keep_what_was_asked_for(name: str) -> None:
    request = ApproachRequest(radius=0.25, max_distance=1.2, start=at(10, 10))
    found = looked_for(name, request)
    assert 1 <= len(found) <= 5
    known = named(name)
    obstacles = np.concatenate([cells for part, cells in ROOM.items() if part != "floor"])
    in_the_way = obstacles[(obstacles[:, 2] >= 3) & (obstacles[:, 2] < 30)]
    middles = (in_the_way[:, :2] + 0.5) * VOXEL + ORIGIN[:2]
    for place in found:
        assert place.position[2] == pytest.approx(FLOOR_Z, abs=0.05)
        gaps = np.linalg.norm(middles - place.position[:2], axis=1)
        assert gaps.min() >= 0.25 and place.clearance >= 0.25
        flat = np.array([*place.position[:2], known.box.center[2]])
        assert place.distance == pytest.approx(known.box.distance(flat), abs=1e-6)
        assert 0.25 <= place.distance <= 1.2
        towards = known.centroid[:2] - place.position[:2]
        assert place.yaw == pytest.approx(math.atan2(towards[1], towards[0]))
        straight = np.linalg.norm(place.position[:2] - at(10, 10))
        assert straight - 0.1 <= place.path_length <= 1.6 * straight + 0.5
        assert 0.05 <= place.visible <= 1 and 0 < place.score <= 1
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


def test_places_of_an_answer_are_apart() -> None:
    found = looked_for("table", ApproachRequest(radius=0.2, max_results=8))
    assert len(found) > 3
    for one, other in itertools.pairwise(found):
        assert np.linalg.norm(one.position - other.position) >= 0.5
    assert all(math.isnan(place.path_length) for place in found)


WALL_ACROSS = block((60, 0, 1), (1, 80, 40))


@pytest.mark.parametrize(
    ("request_", "changes", "sentence"),
    [
        (
            ApproachRequest(max_distance=0.9, start=at(10, 10)),
            {"barrier": WALL_ACROSS},
            "can be reached from",
        ),
        (ApproachRequest(start=at(-60, 10)), {}, "stands on no floor that was seen"),
        (ApproachRequest(radius=3.0, max_distance=4.0), {}, "fits nowhere"),
        (
            ApproachRequest(max_distance=0.9),
            {"floor": block((0, 0, 0), (60, 80, 1))},
            "no free floor was seen",
        ),
        (ApproachRequest(), {"floor": block((0, 0, 0), (20, 20, 1))}, "no floor was seen"),
        (
            ApproachRequest(),
            {
                "box": block((74, 4, 1), (20, 1, 30)),
                "lid": block((74, 20, 1), (20, 1, 30)),
                "left": block((74, 4, 1), (1, 17, 30)),
                "right": block((94, 4, 1), (1, 17, 30)),
            },
            "is hidden from all",
        ),
    ],
)
def test_without_a_place_the_reason_is_told(request_, changes, sentence: str) -> None:
    with pytest.raises(NoApproachError, match=sentence):
        looked_for("armchair", request_, **changes)


def test_the_barrier_has_places_behind_it_for_a_robot_that_is_there() -> None:
    request = ApproachRequest(start=at(90, 60))
    assert looked_for("armchair", request, barrier=WALL_ACROSS)


def test_sight_is_what_no_voxel_hides() -> None:
    parts = {"floor": ROOM["floor"], "screen": block((50, 0, 1), (1, 80, 30)), "cup": ROOM["ball"]}
    scene, cup = scene_of(parts), named("cup", parts)
    eyes = np.array([(90, 63, 10), (10, 63, 10), (73, 63, 40)]) * VOXEL + ORIGIN
    visible = visible_shares(scene, cup, eyes)
    assert visible[1] == 0
    assert visible[0] > 0.3 and visible[2] > 0.3


def test_the_plan_has_free_floor_obstacles_and_the_unknown() -> None:
    floor = ROOM["floor"]
    seen = floor[~((abs(floor[:, 0] - 20) < 2) & (abs(floor[:, 1] - 20) < 2))]  # a small hole
    seen = seen[~((abs(seen[:, 0] - 70) < 8) & (abs(seen[:, 1] - 30) < 8))]  # a large one
    parts = {"floor": seen, "bin": ROOM["bin"], "lamp": ROOM["lamp"]}
    plan = floor_plan(scene_of(parts), FLOOR_Z, robot_height=1.5)

    def free(x: int, y: int) -> bool:
        return bool(plan.free[cell_at(plan, x, y)])

    assert free(20, 20) and free(10, 70)
    assert not free(70, 30) and not free(73, 60)
    assert free(50, 46)  # the lamp hangs higher than the robot
    assert not floor_plan(scene_of(parts), FLOOR_Z, robot_height=2.0).free[50, 46]
    clearance = plan.clearance()
    assert clearance[cell_at(plan, 60, 63)] == pytest.approx(0.475)


def test_paths_go_around_obstacles() -> None:
    barrier = block((50, 0, 1), (1, 60, 30))
    plan = floor_plan(
        scene_of({"floor": ROOM["floor"], "barrier": barrier}), FLOOR_Z, robot_height=1.5
    )
    lengths = plan.path_lengths(plan.free, np.array(cell_at(plan, 40, 10)))
    other = lengths[cell_at(plan, 60, 10)]
    around = 2 * math.hypot(10, 50) * VOXEL
    assert around <= other <= 1.09 * around
    assert np.isinf(lengths[50, 10])


@pytest.mark.parametrize(
    "fields",
    [
        {"radius": 0.0}, {"radius": math.nan}, {"height": -1.0}, {"min_distance": 2.0},
        {"max_distance": math.inf}, {"start": (math.nan, 0.0)}, {"max_results": 0},
    ],
)  # fmt: skip
def test_requests_without_sense(fields) -> None:
    with pytest.raises(InputError, match=next(iter(fields)).split("_")[-1]):
        ApproachRequest(**fields)
