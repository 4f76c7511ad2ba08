from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("open3d", reason="ray casting needs Open3D: pip install .[train]")

from seg3d_ros.synthesis.materials import ceiling_material, floor_material, wall_material
from seg3d_ros.synthesis.ray_scene import RayScene
from seg3d_ros.synthesis.room import Opening, Room
from seg3d_ros.synthesis.shell import build_shell

ROOM = Room(
    (5.0, 4.0, 2.5),
    "test",
    (
        Opening("door", "east", 1.0, 1.9, 0.0, 2.0),
        Opening("window", "north", 1.0, 2.0, 0.9, 2.0),
        Opening("window", "north", 3.0, 3.6, 0.9, 2.0),
    ),
    (),
)


@pytest.fixture(scope="module")
def shell():
    return build_shell(ROOM, np.random.default_rng(0))


def look(shell, towards: list[tuple[float, float, float]]):
    """Names of what lies in some directions from the middle of the room, and the hits."""
    scene = RayScene([*(part.mesh for part in shell.parts), shell.panes])
    directions = np.array(towards, np.float32) - (2.5, 2.0, 1.2)
    origins = np.tile(np.float32((2.5, 2.0, 1.2)), (len(towards), 1))
    hits = scene.cast(origins, directions.astype(np.float32))
    names = [*(part.name for part in shell.parts), "pane"]
    return [names[mesh] for mesh in hits.mesh], hits


def test_everything_is_where_the_room_says(shell):
    places = {
        (1.0, 1.0, 0.0): "floor",
        (1.0, 1.0, 2.5): "ceiling",
        (0.0, 2.5, 1.0): "wall",
        (5.0, 3.0, 1.0): "wall",
        (5.04, 1.5, 1.5): "door",
        (5.0, 1.5, 2.3): "wall",
        (1.25, 4.14, 1.5): "pane",
        (3.3, 4.14, 1.2): "pane",
        (1.03, 4.1, 1.5): "window",
        (1.5, 4.0, 0.5): "wall",
    }
    names, hits = look(shell, list(places))
    assert names == list(places.values())
    np.testing.assert_allclose(hits.distance[:4], 1, atol=1e-4)


def test_a_closed_room_has_no_gap(shell):
    rng = np.random.default_rng(1)
    targets = rng.normal((2.5, 2.0, 1.2), 1.0, (20_000, 3))
    names, hits = look(shell, targets.tolist())
    assert set(names) == {"floor", "ceiling", "wall", "door", "window", "pane"}
    assert np.isfinite(hits.distance).all()


def test_each_wall_is_one_part(shell):
    names = [part.name for part in shell.parts]
    assert names == ["floor", "ceiling", *["wall"] * 4, "door", "window", "window"]


def test_a_room_without_windows_has_no_panes():
    assert build_shell(Room((3, 3, 2.5), "test", (), ()), np.random.default_rng(0)).panes is None


@pytest.mark.parametrize("make", [floor_material, wall_material, ceiling_material])
def test_materials_are_opaque_colours_of_a_real_size(make):
    textures = []
    for seed in range(40):
        material = make(np.random.default_rng(seed))
        texture = material.texture
        assert texture.dtype == np.float32 and texture.shape[2] == 4
        assert (texture[..., 3] == 1).all() and texture.min() >= 0 and texture.max() <= 1
        height, width = texture.shape[:2]
        assert material.size == pytest.approx((0.006 * width, 0.006 * height))
        textures.append(texture[..., :3].mean(axis=(0, 1)))
    assert np.std(textures, axis=0).min() > 0.03, "rooms differ"
