"""Varied rooms and scans, of boxes of made-up sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from synthesis.test_layout import made_up_furnishings

from seg3d_ros.scene import Bool
from seg3d_ros.sensing.transforms import check_rigid
from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.capture import CAREFUL, random_capture
from seg3d_ros.synthesis.crowding import pushed
from seg3d_ros.synthesis.decor import LIVELY, PLAIN, picture_spans
from seg3d_ros.synthesis.drift import with_drift
from seg3d_ros.synthesis.flats import plan_flat
from seg3d_ros.synthesis.layout import furnish
from seg3d_ros.synthesis.lighting import Lights, radiance, random_light
from seg3d_ros.synthesis.materials import Material, paint
from seg3d_ros.synthesis.mesh import Array
from seg3d_ros.synthesis.optics import NO_FAULTS, Optics
from seg3d_ros.synthesis.patterns import brick, chequers, ornament, picture, terrazzo
from seg3d_ros.synthesis.poses import Poses
from seg3d_ros.synthesis.ray_scene import Hits
from seg3d_ros.synthesis.room import Opening, Placed, Room
from seg3d_ros.synthesis.shapes import Shape, placed_mesh
from seg3d_ros.synthesis.shell import boxes
from seg3d_ros.synthesis.supports import CELL, Support
from seg3d_ros.synthesis.varied_layout import furnish_varied
from seg3d_ros.synthesis.views import Surroundings, random_views

ITEMS = {item.model.key: item for item in made_up_furnishings(np.random.default_rng(5))}
TABLE = np.array([[(2.0, 1.5, 0), (3.5, 2.5, 0.75)]])
SIZE = np.array([5.0, 4.0, 2.5])
OPPOSITE = {"north": "south", "south": "north"}


def supports(key: str) -> tuple[Support, ...]:
    model = ITEMS[key].model
    if model.surface is None:
        return ()
    cells = np.full((int(model.depth / CELL), int(model.width / CELL)), 3.0, np.float32)
    return (Support(model.height, cells),)


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    seeds = map(np.random.default_rng, range(12))
    made = [furnish_varied(rng, list(ITEMS.values()), supports) for rng in seeds]
    return [room for connected in made for room in connected]


def boxes_of(placed: list[Placed]) -> Boxes:
    shapes = [Shape(one.scale, one.stretch, one.tip_deg) for one in placed]
    extents = [shape.extent(ITEMS[one.key].model) for shape, one in zip(shapes, placed)]
    low, turn = np.array([one.z for one in placed]), np.array([one.turn_deg for one in placed])
    middle, size = np.array([(one.x, one.y) for one in placed]), np.array(extents)
    rounding = 1e-6  # of what stands exactly on another thing
    return Boxes(middle, size[:, :2] / 2, np.radians(turn), low + rounding, low + size[:, 2])


def test_rooms_to_validate_with_stay_as_they_were_published() -> None:
    room = furnish(np.random.default_rng(3), list(ITEMS.values()), supports)
    places = np.array([(one.x, one.y, one.z, one.turn_deg, one.scale) for one in room.placed])
    assert len(places) == 31
    np.testing.assert_allclose(
        places.sum(axis=0),
        [50.541751496, 65.609114964, 17.302888024, 6030.734300153, 31.703842601],
        rtol=1e-9,
    )


def test_varied_things_sink_into_each_other_by_millimetres_at_most(rooms: list[Room]) -> None:
    for room in rooms:
        solid = boxes_of([one for one in room.placed if one.name != "rug"])
        overlaps = solid.overlap(solid, gap=-0.0041)
        np.fill_diagonal(overlaps, False)
        assert not overlaps.any()
        assert (solid.middle - solid.reach() >= -1e-9).all()
        assert (solid.middle + solid.reach() <= np.array(room.size[:2]) + 1e-9).all()


def test_varied_rooms_differ_in_size_fullness_and_proportions(rooms: list[Room]) -> None:
    areas = [room.size[0] * room.size[1] for room in rooms]
    counts = [len(room.placed) for room in rooms]
    stretches = np.array([one.stretch for room in rooms for one in room.placed])
    assert min(areas) < 10 and max(areas) > 15
    assert max(counts) > 2 * min(counts)
    assert stretches.min() < 0.85 and stretches.max() > 1.2
    assert any(one.tip_deg != (0.0, 0.0) for room in rooms for one in room.placed)


@pytest.mark.parametrize("tip", [(0.0, 0.0), (90.0, 0.0), (0.0, -90.0), (-20.0, 0.0)])
def test_a_shaped_mesh_fills_its_extent_and_stands_on_its_foot(tip: tuple[float, float]) -> None:
    item = next(iter(ITEMS.values()))
    half = np.array([item.model.width, item.model.depth]) / 2
    material = paint(np.full(3, 0.5, np.float32), rng=np.random.default_rng(0))
    mesh = boxes([((*-half, 0.0), (*half, item.model.height))], material)
    shape = Shape(1.1, (0.8, 1.0, 1.25), tip)
    placed = placed_mesh(mesh, Placed("", "", 1.0, 2.0, 0.3, 0.0, **vars(shape)))
    low, high = placed.vertices.min(axis=0), placed.vertices.max(axis=0)
    np.testing.assert_allclose(high - low, shape.extent(item.model), rtol=1e-5)
    np.testing.assert_allclose([*(low + high)[:2] / 2, low[2]], [1.0, 2.0, 0.3], atol=1e-5)


def test_pushed_things_touch_the_nearest_neighbour_or_wall() -> None:
    table = Boxes.of_one_size(np.array([[2.0, 2.0]]), np.zeros(1), np.zeros(1), size=(1, 1, 1))
    free = Poses(np.array([[3.0, 2.0], [4.7, 1.0]]), np.zeros(2), np.zeros(2))
    poses = pushed(free, (0.4, 0.4, 0.4), table, (5.0, 4.0, 2.5))
    np.testing.assert_allclose(poses.middle, [[4.8, 1.0], [2.7, 2.0], *free.middle])


def nothing_blocked(origins: Array, directions: Array) -> Bool:
    return np.zeros(len(origins), bool)


def test_views_are_of_all_kinds_and_inside_the_room() -> None:
    around = Surroundings(SIZE, TABLE, nothing_blocked)
    scans = [random_views(around, np.random.default_rng(seed)) for seed in range(60)]
    counts = [len(poses) for poses in scans]
    assert min(counts) == 1 and max(counts) > 20
    for pose in (pose for poses in scans for pose in poses):
        check_rigid(pose, "pose")
        assert ((pose[:3, 3] > -0.2) & (pose[:3, 3] < SIZE + 0.2)).all()


def test_drift_grows_to_centimetres_in_some_scans_and_is_none_in_others() -> None:
    poses = [np.eye(4)] * 20
    drifted = [with_drift(poses, np.random.default_rng(seed)) for seed in range(60)]
    farthest = [max(np.linalg.norm(pose[:3, 3]) for pose in scan) for scan in drifted]
    assert (np.array(farthest) == 0).any()
    assert 0.05 < max(farthest) <= 0.08
    for scan in drifted:
        np.testing.assert_array_equal(scan[0], np.eye(4))
        check_rigid(scan[-1], "pose")


def test_the_passages_of_a_flat_meet_and_its_rooms_keep_apart() -> None:
    for seed in range(30):
        corridor, *rooms = plan_flat(np.random.default_rng(seed))
        assert 2 <= len(rooms) <= 4
        assert sum(plan.size[0] * plan.size[1] for plan in (corridor, *rooms)) < 80
        ends = [
            (passage.wall, plan.origin[0] + passage.start, plan.origin[0] + passage.end)
            for plan in rooms
            for passage in plan.openings
            if passage.name == "passage"
        ]
        seen = [(OPPOSITE[o.wall], o.start, o.end) for o in corridor.openings]
        assert [wall for wall, *_ in seen] == [wall for wall, *_ in ends]
        np.testing.assert_allclose([one[1:] for one in seen], [one[1:] for one in ends])
        middle = np.array([np.add(p.origin, np.array(p.size[:2]) / 2) for p in (corridor, *rooms)])
        half = np.array([p.size[:2] for p in (corridor, *rooms)]) / 2
        count = len(half)
        areas = Boxes(middle, half, np.zeros(count), np.zeros(count), np.ones(count))
        assert areas.overlap(areas, gap=0.27).sum() == count


def test_pictures_keep_clear_of_openings_and_of_each_other() -> None:
    door = Opening("door", "south", 1.0, 2.0, 0.0, 2.0)
    rng, count = np.random.default_rng(0), 0
    for _ in range(50):
        spans = [(1.0, 2.0, 0.0, 2.0), *picture_spans(LIVELY, 4.0, 2.5, [door], rng)]
        count += len(spans) - 1
        for number, (start, end, bottom, top) in enumerate(spans):
            for other in spans[:number]:
                assert start > other[1] or end < other[0] or bottom > other[3] or top < other[2]
    assert count > 20
    assert picture_spans(PLAIN, 4.0, 2.5, [door], rng) == []


@pytest.mark.parametrize("draw", [brick, chequers, terrazzo, ornament, picture])
def test_patterns_are_images_with_contrast(draw: Callable[..., Material]) -> None:
    for seed in range(8):
        texture = draw(np.random.default_rng(seed)).texture
        assert texture.shape[2] == 4 and texture.dtype == np.float32
        assert texture.min() >= 0 and texture.max() <= 1
        assert texture[..., :3].std() > 0.005


def test_each_room_of_a_flat_has_its_own_light() -> None:
    room, beside = (Room((4.0, 3.0, 2.5), "test", (), (), (x, 0.0)) for x in (0.0, 4.3))
    lights = [random_light(room, np.random.default_rng(seed)) for seed in (0, 1)]
    ones = np.ones((2, 3), np.float32)
    points = np.array([[1, 1, 0], [5.3, 1, 0]], np.float32)
    up, mesh = np.float32([[0, 0, 1], [0, 0, 1]]), np.array([0, 1], np.int32)
    hits = Hits(ones[:, 0], points, up, ones, mesh)
    origins = np.array([(*one.origin, 0) for one in (room, beside)], np.float32)
    seen = Lights(lights, origins, np.arange(2)).radiance(hits)
    here = Hits(ones[:1, 0], points[:1], up[:1], ones[:1], mesh[:1])
    np.testing.assert_allclose(seen[0], radiance(here, lights[0])[0])
    there = Hits(ones[:1, 0], np.float32([[1, 1, 0]]), up[:1], ones[:1], mesh[:1])
    np.testing.assert_allclose(seen[1], radiance(there, lights[1])[0], rtol=1e-5)


def test_optics_without_faults_change_nothing_and_others_darken_the_corners() -> None:
    rng = np.random.default_rng(0)
    light = np.full((48, 64, 3), 0.5, np.float32)
    assert NO_FAULTS.distort(light, rng) is light
    dimmed = Optics(blur=6.0, vignetting=0.4).distort(light, rng)
    assert dimmed[24, 32, 0] == pytest.approx(0.5, abs=0.01)
    assert dimmed[0, 0, 0] == pytest.approx(0.3, abs=0.01)


def test_captures_differ_and_the_careful_one_sees_everything_matt() -> None:
    captures = [random_capture(np.random.default_rng(seed)) for seed in range(20)]
    assert len({capture.camera.width for capture in captures}) > 1
    assert len({capture.sensor for capture in captures}) == 2
    assert CAREFUL.gloss(3, np.random.default_rng(0)) is None
