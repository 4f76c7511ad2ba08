from importlib import resources

import numpy as np
import pytest

from seg3d_ros.synthesis.library import FurnitureModel
from seg3d_ros.synthesis.names import STRUCTURE, Furnishing, furnishings, names
from seg3d_ros.synthesis.splits import SPLITS, furnishings_of, held_out_models, room_random
from seg3d_ros.synthesis.themes import ANCHORS, COMPANY, FACING


def model(key: str) -> FurnitureModel:
    sizes = {"width": 0.5, "depth": 0.4, "height": 0.6, "elevation": None, "surface": 0.6}
    return FurnitureModel(key, key, key, "Tests", "CC0", "", **sizes, rotation=())


def made(**counts: int) -> list[Furnishing]:
    return [
        Furnishing(model(f"{name}/{number}"), name, "floor")
        for name, count in counts.items()
        for number in range(count)
    ]


def test_a_fifth_of_the_models_of_a_name_is_held_out_from_three_on() -> None:
    items = made(chair=27, table=3, sofa=2, bed=8)
    held_out = held_out_models(items)
    counts = {name: sum(key.startswith(name) for key in held_out) for name in ("chair", "table")}
    assert counts == {"chair": 5, "table": 1}
    assert sum(key.startswith("bed") for key in held_out) == 2
    assert not any(key.startswith("sofa") for key in held_out)


def test_held_out_models_do_not_depend_on_order_or_on_other_names() -> None:
    items = made(chair=27, table=9)
    assert held_out_models(items) == held_out_models(items[::-1])
    chairs = held_out_models(made(chair=27))
    assert chairs == {key for key in held_out_models(items) if key.startswith("chair")}
    assert sorted(chairs) == ["chair/1", "chair/10", "chair/25", "chair/6", "chair/8"]


def test_splits_share_no_model_and_leave_none_out() -> None:
    items = made(chair=9, sofa=2, kettle=2, teapot=4)
    keys = {split: {item.model.key for item in furnishings_of(split, items)} for split in SPLITS}
    assert keys["train"] == keys["val_rooms"]
    assert not keys["train"] & (keys["val_models"] | keys["val_names"])
    assert keys["val_models"] < keys["val_names"]
    assert keys["train"] | keys["val_names"] == {item.model.key for item in items}
    assert {"kettle/0", "kettle/1"} <= keys["val_names"]
    assert not any(key.startswith("kettle") for key in keys["train"] | keys["val_models"])


def test_rooms_have_their_own_random_numbers() -> None:
    drawn = {
        room_random(seed, split, number).integers(1 << 60)
        for seed in (0, 1)
        for split in SPLITS
        for number in range(5)
    }
    assert len(drawn) == 2 * len(SPLITS) * 5
    again = room_random(0, "train", 3).random(4)
    np.testing.assert_array_equal(again, room_random(0, "train", 3).random(4))


def test_the_table_of_names_is_well_formed() -> None:
    for name, entry in names().items():
        assert name == name.strip().lower()
        assert entry.synonyms
        assert all(word == word.strip() and word for word in entry.synonyms), name
        assert name not in entry.synonyms
        assert len(set(entry.synonyms)) == len(entry.synonyms), name
        assert entry.themes <= set(ANCHORS), name
        assert bool(entry.themes) == (name not in STRUCTURE), name
    assert tuple(names())[-len(STRUCTURE) :] == STRUCTURE


def test_held_out_names_have_a_seen_relative_of_their_own() -> None:
    relatives = {name: e.held_out_beside for name, e in names().items() if e.held_out_beside}
    assert 15 <= len(relatives) <= 25
    assert not set(relatives) & set(relatives.values())
    assert set(relatives.values()) <= set(names())
    assert len(set(relatives.values())) == len(relatives)


def test_themes_use_names_that_exist() -> None:
    used = {name for anchors in ANCHORS.values() for name in anchors}
    used |= set(COMPANY) | {name for company in COMPANY.values() for name in company.names}
    assert used | FACING <= set(names())


def test_every_model_of_the_table_has_a_name_and_every_name_a_model() -> None:
    table = (resources.files("seg3d_ros.synthesis") / "models.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    keys = [key for key, _, _ in rows]
    assert len(set(keys)) == len(keys) > 500
    assert {name for _, name, _ in rows} == set(names()) - set(STRUCTURE)
    everything = furnishings({key: model(key) for key in keys})  # checks the places
    assert [item.model.key for item in everything] == keys
    assert furnishings({}) == []


def test_a_place_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"model": "a/b", "name": "chair", "place": "roof"}
    monkeypatch.setattr("seg3d_ros.synthesis.names._rows", lambda table: iter([row]))
    with pytest.raises(ValueError, match="roof"):
        furnishings({"a/b": model("a/b")})
