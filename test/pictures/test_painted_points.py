"""Packed points of a scene: the same as put together one by one."""

import dataclasses

import numpy as np

from seg3d_ros.pictures.id_colors import object_ids
from seg3d_ros.pictures.painted_points import painted_points
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.scene import Scene


def test_points_have_position_color_id_and_score(room, in_block, make_object) -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(room))
    origin = np.array([500_000.0, 4_649_776.0, 212.0])
    colors = rng.uniform(-0.1, 1.1, room.points.shape).astype(np.float32)
    scene = dataclasses.replace(room, colors=colors, origin=origin).take(order)
    floor = make_object(room.points[:, 2] < 0.05, object_id=7)
    block = make_object(in_block(room.points), object_id=4_000_000_000)
    painted = painted_points(scene, [floor, block], dimming=0.5)

    np.testing.assert_array_equal(painted["xyz"], (scene.points + origin).astype(np.float32))
    ids = object_ids(scene, [floor, block])
    assert set(np.unique(ids)) == {0, 7, 4_000_000_000}
    np.testing.assert_array_equal(painted["instance_id"], ids)
    np.testing.assert_array_equal(painted["score"], np.where(ids > 0, np.float32(0.75), 0))
    expected = np.rint(scene.colors.clip(0, 2) * np.float32(0.5) * 255).astype(int)
    for item in (floor, block):
        expected[ids == item.id] = color_of(item.id)
    bytes_of = painted["rgb"][:, None] >> np.array([16, 8, 0]) & 255
    np.testing.assert_array_equal(bytes_of, expected)


def test_no_points_and_no_objects(room) -> None:
    nothing = np.zeros((0, 3), np.float32)
    assert len(painted_points(Scene(nothing, nothing, np.zeros(0, int), 0.1), [], dimming=1)) == 0
    painted = painted_points(room, [], dimming=1)
    assert not painted["instance_id"].any()
    assert (painted["rgb"] == 0xCCCCCC).all()
