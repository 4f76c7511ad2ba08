"""Structure of a room: what planes do to voxels, on small rooms made here."""

import numpy as np

from seg3d_ros.networks.kinds import FLOOR, OBJECT, WALL
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.geometric.structure import agree_on_structure
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.sparse.voxel_keys import keys_of_points

VOXEL_M = 0.04


def sheet(corner, first, second):
    """Points on a rectangle, one a voxel and not quite in its middle."""
    steps = [np.arange(0, np.linalg.norm(side), VOXEL_M) for side in (first, second)]
    a, b = np.meshgrid(*steps, indexing="ij")
    sides = [np.array(side) / np.linalg.norm(side) for side in (first, second)]
    exact = np.array(corner) + a.reshape(-1, 1) * sides[0] + b.reshape(-1, 1) * sides[1] + 0.02
    return exact + np.random.default_rng(0).uniform(-0.01, 0.01, exact.shape)


def scene_of(*sheets):
    points = np.concatenate(sheets).astype(np.float32)
    keys = keys_of_points(points, VOXEL_M)
    _, rows = np.unique(keys, return_index=True)
    part = np.concatenate([np.full(len(s), i) for i, s in enumerate(sheets)])
    rows = np.sort(rows)
    scene = Scene(points[rows], np.zeros_like(points[rows]), keys[rows], VOXEL_M)
    return scene, part[rows]


def probabilities(scene, kinds, sure=0.7):
    p = np.full((len(scene), 4), (1 - sure) / 3, np.float32)
    p[np.arange(len(scene)), kinds] = sure
    return p


FLOOR_SHEET = sheet((0, 0, 0), (3, 0, 0), (0, 3, 0))
WALL_SHEET = sheet((0, 0, 0.04), (3, 0, 0), (0, 0, 2))
OTHER_WALL = sheet((0, 0.04, 0.04), (0, 3, 0), (0, 0, 2))
TABLE = sheet((1, 1, 0.7), (1.2, 0, 0), (0, 0.8, 0))


def test_planes_outvote_single_voxels():
    scene, part = scene_of(FLOOR_SHEET, WALL_SHEET, TABLE)
    kinds = np.array([FLOOR, WALL, OBJECT])[part]
    rng = np.random.default_rng(0)
    wrong = rng.random(len(scene)) < 0.3
    kinds[wrong] = rng.integers(0, 4, wrong.sum())
    structure = agree_on_structure(build_surface(scene), probabilities(scene, kinds))
    for number, kind in enumerate((FLOOR, WALL, OBJECT)):
        assert (structure.kind[part == number] == kind).mean() > 0.97


def test_a_large_level_plane_at_the_bottom_is_the_floor_whatever_the_network_says():
    lower = sheet((0, 0, -0.12), (3, 0, 0), (0, 3, 0))  # a second sheet of it
    scene, part = scene_of(FLOOR_SHEET, lower, TABLE)
    said = probabilities(scene, np.full(len(scene), OBJECT), sure=0.97)
    structure = agree_on_structure(build_surface(scene), said)
    assert (structure.kind[part < 2] == FLOOR).mean() > 0.97
    assert (structure.kind[part == 2] == OBJECT).all()


def test_a_table_top_alone_is_no_floor():
    scene, _ = scene_of(TABLE)
    said = probabilities(scene, np.full(len(scene), OBJECT))
    assert (agree_on_structure(build_surface(scene), said).kind == OBJECT).all()


def test_a_sure_object_on_the_floor_stays_one():
    scene, _ = scene_of(FLOOR_SHEET)
    rug = (scene.points[:, :2] > 1).all(axis=1) & (scene.points[:, :2] < 2).all(axis=1)
    said = probabilities(scene, np.where(rug, OBJECT, FLOOR), sure=0.95)
    structure = agree_on_structure(build_surface(scene), said)
    assert np.array_equal(structure.kind == OBJECT, rug)


def test_each_wall_is_an_instance_and_the_floor_is_one():
    scene, part = scene_of(FLOOR_SHEET, WALL_SHEET, OTHER_WALL)
    said = probabilities(scene, np.array([FLOOR, WALL, WALL])[part])
    structure = agree_on_structure(build_surface(scene), said)
    masks, kinds = structure.masks()
    assert sorted(kinds.tolist()) == [FLOOR, WALL, WALL]
    for number in range(3):
        overlap = (masks & (part == number)).sum(axis=1).max() / (part == number).sum()
        assert overlap > 0.95
    assert (masks.sum(axis=0) <= 1).all()


def test_a_doubtful_plane_is_a_wall_where_nothing_is_behind_it():
    doubtful = np.array([0.53, 0, 0.47, 0], np.float32)
    behind = sheet((0, -0.8, 0), (3, 0, 0), (0, 0.6, 0))
    for sheets, kind in (((WALL_SHEET,), WALL), ((WALL_SHEET, behind), OBJECT)):
        scene, part = scene_of(*sheets, TABLE)
        said = probabilities(scene, np.full(len(scene), OBJECT), sure=0.97)
        said[part == 0] = doubtful
        structure = agree_on_structure(build_surface(scene), said)
        assert (structure.kind[part == 0] == kind).all()


def test_another_sheet_of_a_wall_is_wall():
    """Pose errors put pieces of a wall beside it, too small for planes of their own."""
    piece = sheet((1, 0.08, 0.5), (0.6, 0, 0), (0, 0, 0.6))
    scene, part = scene_of(WALL_SHEET, piece, TABLE)
    said = probabilities(scene, np.array([WALL, OBJECT, OBJECT])[part])
    structure = agree_on_structure(build_surface(scene), said)
    assert (structure.kind[part == 1] == WALL).mean() > 0.7
    assert len(structure.masks()[0]) == 1
    assert (structure.kind[part == 2] == OBJECT).all()


def test_planes_of_one_wall_agree():
    """Beyond a doorway the wall goes on; a cupboard beside it has a front of its own."""
    beyond = sheet((4, 0, 0.04), (1.2, 0, 0), (0, 0, 2))
    cupboard = sheet((5.4, 0.4, 0.04), (1.2, 0, 0), (0, 0, 2))
    behind = sheet((0, -0.8, 0), (7, 0, 0), (0, 0.6, 0))
    before = sheet((0, 2, 0), (7, 0, 0), (0, 0.6, 0))
    scene, part = scene_of(WALL_SHEET, beyond, cupboard, behind, before)
    said = probabilities(scene, np.array([WALL, OBJECT, OBJECT, OBJECT, OBJECT])[part])
    said[(part == 1) | (part == 2)] = (0.53, 0, 0.47, 0)
    kind = agree_on_structure(build_surface(scene), said).kind
    assert (kind[part < 2] == WALL).all()
    assert (kind[part == 2] == OBJECT).all()


def test_noise_around_a_wall_is_wall():
    """Not that around a table."""
    rng = np.random.default_rng(0)
    at_wall = rng.uniform((1, 0.06, 0.5), (2, 0.16, 1.5), (500, 3))
    at_table = rng.uniform((1, 1, 0.76), (2.2, 1.8, 0.86), (500, 3))
    scene, part = scene_of(WALL_SHEET, TABLE, at_wall, at_table)
    said = probabilities(scene, np.array([WALL, OBJECT, OBJECT, OBJECT])[part])
    kind = agree_on_structure(build_surface(scene), said).kind
    assert (kind[part == 2] == WALL).mean() > 0.9
    assert (kind[(part == 1) | (part == 3)] == OBJECT).all()


def test_an_empty_scene_has_no_structure():
    scene, _ = scene_of(np.zeros((0, 3)))
    structure = agree_on_structure(build_surface(scene), np.zeros((0, 4), np.float32))
    masks, kinds = structure.masks()
    assert masks.shape == (0, 0)
    assert len(kinds) == 0
