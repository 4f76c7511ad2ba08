"""Relations between blocks of voxels."""

from __future__ import annotations

import numpy as np
import pytest
from support.furnished_blocks import ROOM, block, chair, furnished

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.relations import Shape, relation_evidence
from seg3d_ros.text.phrases import Relation

HOLDING = {
    Relation.ON: {
        ("table", "floor"), ("cup", "table"), ("chair", "floor"), ("armchair", "floor"),
        ("stool", "floor"), ("bin", "floor"), ("picture", "wall"), ("rug", "floor"),
        ("ball", "bin"),
    },
    Relation.IN: {("ball", "bin")},
    Relation.ABOVE: {("cup", "table"), ("lamp", "table"), ("lamp", "cup"), ("table", "chair")},
    Relation.BESIDE: {("chair", "table")},
}  # fmt: skip
FURNITURE = ("table", "cup", "chair", "bin", "ball", "lamp", "rug", "picture", "armchair", "stool")


@pytest.fixture(scope="module")
def shapes() -> dict[str, Shape]:
    return {known.label: Shape(known) for known in furnished().confirmed()}


@pytest.mark.parametrize("relation", [Relation.ON, Relation.IN])
def test_support_and_containment(relation: Relation, shapes) -> None:
    found = {
        (one, other)
        for one in shapes
        for other in shapes
        if one != other and relation_evidence(relation, shapes[one], [shapes[other]])
    }
    assert {pair for pair in found if pair[0] not in ("door", "wall")} == HOLDING[relation]


@pytest.mark.parametrize("relation", [Relation.ABOVE, Relation.UNDER])
def test_above_is_the_inverse_of_under(relation: Relation, shapes) -> None:
    found = {
        (one, other)
        for one in FURNITURE
        for other in FURNITURE
        if one != other and relation_evidence(relation, shapes[one], [shapes[other]])
    }
    above = found if relation is Relation.ABOVE else {pair[::-1] for pair in found}
    assert above == HOLDING[Relation.ABOVE]


def test_beside_is_near_but_neither_on_nor_under(shapes) -> None:
    beside = {
        (one, other)
        for one in FURNITURE
        for other in FURNITURE
        if one != other and relation_evidence(Relation.BESIDE, shapes[one], [shapes[other]])
    }
    assert ("cup", "table") not in beside and ("lamp", "table") not in beside
    near = relation_evidence(Relation.NEAR, shapes["cup"], [shapes["table"]])
    assert near is not None and near.distance < 0.1
    assert relation_evidence(Relation.NEAR, shapes["stool"], [shapes["table"]]) is None
    assert relation_evidence(Relation.NEAR, shapes["stool"], [shapes["table"]], 5.0)


def test_distances_are_those_between_surfaces(shapes) -> None:
    found = relation_evidence(Relation.NEAREST, shapes["armchair"], [shapes["wall"]])
    assert found is not None
    # 12 voxels lie between the back of the armchair and the wall.
    assert found.distance == pytest.approx(13 * 0.05, abs=0.01)
    assert "0.65 m from" in found.reason
    farthest = relation_evidence(Relation.FARTHEST, shapes["armchair"], [shapes["wall"]])
    assert farthest is not None and farthest.distance == -found.distance


def test_between_is_seen_from_above(shapes) -> None:
    ends = [shapes["door"], shapes["wall"]]
    assert relation_evidence(Relation.BETWEEN, shapes["table"], ends)
    assert relation_evidence(Relation.BETWEEN, shapes["lamp"], ends)
    beside = [shapes["table"], shapes["wall"]]
    assert relation_evidence(Relation.BETWEEN, shapes["stool"], beside) is None


def test_a_chair_beside_a_table_is_beside_it() -> None:
    parts = {"table": ROOM["table"], "chair": chair(30, 42), "floor": ROOM["floor"]}
    shapes = {known.label: Shape(known) for known in furnished(**parts).confirmed()}
    assert relation_evidence(Relation.BESIDE, shapes["chair"], [shapes["table"]])
    assert not relation_evidence(Relation.UNDER, shapes["chair"], [shapes["table"]])


def test_what_hides_the_table_beneath_it_is_on_it() -> None:
    """A camera does not see the table under a box."""
    table = ROOM["table"]
    hidden = (abs(table[:, 0] - 50) < 4) & (abs(table[:, 1] - 46) < 3) & (table[:, 2] == 14)
    parts = {"table": table[~hidden], "box": block((47, 44, 15), (7, 5, 5))}
    shapes: dict[str, Shape] = {
        known.label: Shape(known) for known in furnished(**parts).confirmed()
    }
    assert relation_evidence(Relation.ON, shapes["box"], [shapes["table"]])
    assert relation_evidence(Relation.UNDER, shapes["table"], [shapes["box"]])


def test_shapes_are_of_the_voxels() -> None:
    known: MapObject = furnished(cup=ROOM["cup"]).confirmed()[0]
    cells, low, high = Shape(known).columns
    assert len(cells) == 4
    np.testing.assert_allclose(low, 0.775, atol=1e-6)
    np.testing.assert_allclose(high, 0.825, atol=1e-6)
