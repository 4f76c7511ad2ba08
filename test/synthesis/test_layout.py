"""Made rooms: of boxes of made-up sizes, so that no library is needed."""

from collections import Counter

import numpy as np
import pytest

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.furnishing import Furnisher
from seg3d_ros.synthesis.layout import furnish
from seg3d_ros.synthesis.library import FurnitureModel
from seg3d_ros.synthesis.names import Furnishing, names
from seg3d_ros.synthesis.openings import keep_free, make_openings
from seg3d_ros.synthesis.poses import Poses
from seg3d_ros.synthesis.room import Placed, Room
from seg3d_ros.synthesis.supports import CELL, Support
from seg3d_ros.synthesis.themes import COMPANY

SIZES = {  # place -> least and greatest extents
    "floor": ((0.2, 0.2, 0.2), (0.7, 0.7, 1.0)),
    "wall": ((0.4, 0.3, 0.4), (2.0, 0.9, 2.0)),
    "middle": ((0.6, 0.6, 0.5), (1.8, 1.0, 0.8)),
    "rug": ((0.6, 0.4, 0.01), (2.5, 1.8, 0.03)),
    "top": ((0.08, 0.08, 0.1), (0.5, 0.4, 0.4)),
    "hung": ((0.2, 0.05, 0.2), (1.0, 0.4, 0.8)),
    "window": ((1.0, 0.05, 1.0), (1.3, 0.1, 1.6)),
    "ceiling": ((0.3, 0.3, 0.1), (1.0, 1.0, 0.8)),
}
NAMES = {
    "floor": ("chair", "ball", "folding chair", "office chair", "plant"),
    "wall": ("sofa", "desk", "bed", "wardrobe", "kitchen cabinet", "shelf", "nightstand"),
    "middle": ("table", "coffee table"),
    "rug": ("rug",),
    "top": ("cup", "laptop", "tv", "vase", "book", "bottle"),
    "hung": ("clock", "wall cabinet"),
    "window": ("curtain",),
    "ceiling": ("ceiling lamp",),
}


def made_up_furnishings(rng: np.random.Generator) -> list[Furnishing]:
    """Three models of each name."""
    items = []
    for place, of_place in NAMES.items():
        for name in [name for name in of_place for _ in range(3)]:
            width, depth, height = rng.uniform(*SIZES[place]).tolist()
            key, elevation = f"{name}/{len(items)}", 1.5 if place == "hung" else None
            surface = height if place in ("wall", "middle") else None
            sizes = (width, depth, height, elevation, surface)
            model = FurnitureModel(key, name, "", "", "", "", *sizes, rotation=())
            items.append(Furnishing(model, name, place))
    return items


@pytest.fixture(scope="module")
def items() -> dict[str, Furnishing]:
    return {item.model.key: item for item in made_up_furnishings(np.random.default_rng(5))}


@pytest.fixture(scope="module")
def rooms(items) -> list[Room]:
    return [make(items, seed) for seed in range(30)]


def make(items: dict[str, Furnishing], seed: int) -> Room:
    def supports(key: str) -> tuple[Support, ...]:
        model = items[key].model
        if model.surface is None:
            return ()
        cells = np.full((int(model.depth / CELL), int(model.width / CELL)), 3.0, np.float32)
        return (Support(model.height, cells),)

    return furnish(np.random.default_rng(seed), list(items.values()), supports)


def boxes_of(placed: list[Placed], items: dict[str, Furnishing]) -> Boxes:
    boxes = Boxes.none()
    for one in placed:
        model = items[one.key].model
        size = (model.width * one.scale, model.depth * one.scale, model.height * one.scale)
        turn, low = np.radians([one.turn_deg]), np.array([one.z])
        boxes = boxes.and_also(Boxes.of_one_size(np.array([[one.x, one.y]]), turn, low, size=size))
    return boxes


@pytest.mark.parametrize("number", range(30))
def test_nothing_is_in_another_thing_or_in_a_wall(items, rooms, number: int) -> None:
    room = rooms[number]
    boxes = boxes_of([one for one in room.placed if one.name != "rug"], items)
    overlaps = boxes.overlap(boxes)
    np.fill_diagonal(overlaps, False)
    assert not overlaps.any()
    everything = boxes_of(list(room.placed), items)
    reach = everything.reach()
    assert (everything.middle - reach >= -1e-9).all()
    assert (everything.middle + reach <= np.array(room.size[:2]) + 1e-9).all()
    assert (everything.low >= 0).all()
    assert (everything.high <= room.size[2] + 1e-9).all()


@pytest.mark.parametrize("number", range(30))
def test_everything_rests_on_something(items, rooms, number: int) -> None:
    room = rooms[number]
    tops = {
        round(one.z + items[one.key].model.height * one.scale, 6): one
        for one in room.placed
        if items[one.key].model.surface is not None
    }
    for one in room.placed:
        place = items[one.key].place
        if place in ("floor", "wall", "middle", "rug"):
            assert one.z == 0
        if place == "top" and one.z > 0:
            carrier = boxes_of([tops[round(one.z, 6)]], items)
            offset = carrier.axes()[0] @ (np.array([one.x, one.y]) - carrier.middle[0])
            assert (np.abs(offset) <= carrier.half[0]).all()
        if place == "ceiling":
            top = one.z + items[one.key].model.height * one.scale
            assert top == pytest.approx(room.size[2], abs=0.01)


def test_doors_can_be_opened(items, rooms) -> None:
    for room in rooms:
        doors = [opening for opening in room.openings if opening.name == "door"]
        assert doors
        furniture = [one for one in room.placed if one.name not in ("rug", "curtain")]
        swings = keep_free(doors, room.size)
        assert not boxes_of(furniture, items).overlap(swings).any()


def test_furniture_along_walls_faces_the_room(items, rooms) -> None:
    """The wall that is a hand's breadth away is behind them."""
    for room in rooms:
        wardrobes = [one for one in room.placed if one.name == "wardrobe"]
        for one, box in zip(wardrobes, (boxes_of([w], items) for w in wardrobes), strict=True):
            front = -box.axes()[0, 1]
            back = box.middle[0] - front * box.half[0, 1]
            gaps = np.concatenate([back, np.array(room.size[:2]) - back])
            assert gaps.min() < 0.1, one


@pytest.mark.parametrize("table_turn", [0.0, 30.0, 270.0])
def test_chairs_come_around_a_table_and_face_it(items, table_turn: float) -> None:
    table = next(key for key, item in items.items() if item.name == "table")
    placed: list[Placed] = []
    for seed in range(10):
        room = Furnisher(np.random.default_rng(seed), (6.0, 6.0, 2.5), (), lambda key: ())
        pose = Poses(np.array([[3.0, 3.0]]), np.array([table_turn]), np.zeros(1))
        assert room.put_at(items[table], pose)
        room.put_company(items["chair/0"], COMPANY["table"])
        placed += room.placed[1:]
    assert len(placed) > 20
    chairs = boxes_of(placed, items)
    host = boxes_of([Placed(table, "table", 3.0, 3.0, 0.0, table_turn, 1.0)], items)
    assert chairs.overlap(host, gap=0.35).all()
    towards = host.middle - chairs.middle
    fronts = -chairs.axes()[:, 1]
    # Straight ahead of a chair there is the table: within 20 degrees of one of its sides' normals.
    cosines = np.abs(fronts @ host.axes()[0].T).max(axis=1)
    assert (cosines > np.cos(np.radians(25))).all()
    assert ((fronts * towards).sum(axis=1) > 0).all()


def test_a_room_is_a_function_of_its_seed(items) -> None:
    assert make(items, 3) == make(items, 3)
    assert make(items, 3) != make(items, 4)


def test_sizes_are_those_of_rooms_and_models_vary_by_a_seventh(rooms) -> None:
    sizes = np.array([room.size for room in rooms])
    assert (sizes >= (3, 3, 2.4)).all()
    assert (sizes <= (7, 6, 3)).all()
    scales = np.array([one.scale for room in rooms for one in room.placed])
    assert 0.85 <= scales.min() < 0.9
    assert 1.1 < scales.max() <= 1.15
    assert np.median([len(room.placed) for room in rooms]) >= 12


def test_all_models_of_a_name_come_about_as_often(items, rooms) -> None:
    counts = Counter(one.key for room in rooms for one in room.placed)
    assert min(counts[key] for key in items) >= 3


def test_openings_fit_their_walls_and_keep_apart() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        size = (float(rng.uniform(3, 7)), float(rng.uniform(3, 6)), 2.4)
        openings = make_openings(rng, size)
        for one in openings:
            length = size[0] if one.wall in ("north", "south") else size[1]
            assert 0 < one.start < one.end < length
            assert 0 <= one.bottom < one.top < size[2]
        spans = [(one.wall, one.start, one.end) for one in openings]
        for wall, start, end in spans:
            others = [span for span in spans if span != (wall, start, end) and span[0] == wall]
            assert all(end < other[1] or other[2] < start for other in others)


def test_furnishing_with_nothing_typical_still_fills_the_room(items) -> None:
    balls = {key: item for key, item in items.items() if item.name == "ball"}
    assert names()["ball"].themes  # typical of some rooms only
    assert all(len(make(balls, seed).placed) >= 1 for seed in range(12))
