from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("open3d", reason="ray casting needs Open3D: pip install .[train]")

from seg3d_ros.synthesis.mesh import Mesh, plain
from seg3d_ros.synthesis.ray_scene import RayScene

AHEAD = np.array([0, 0, 1], np.float32)


def square(z: float, texture: np.ndarray, *, half: float = 1.0) -> Mesh:
    """Across the z axis; u grows with x and v with y, from 0 to 1."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    vertices = np.column_stack([half * corners, np.full(4, z)]).astype(np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    return Mesh(vertices, faces, (corners[faces] + 1) / 2, np.zeros(2, np.int32), [texture])


def cast(meshes: list[Mesh], places: list[tuple[float, float]]):
    origins = np.array([(*place, 0) for place in places], np.float32)
    return RayScene(meshes, threads=1).cast(origins, np.tile(AHEAD, (len(origins), 1)))


def test_each_texel_lies_where_its_coordinates_say():
    texture = np.ones((2, 2, 4), np.float32)
    # Rows of an image go down, v goes up: the first row is the one with the larger y.
    texture[..., :3] = [[(1, 0, 0), (0, 1, 0)], [(0, 0, 1), (1, 1, 0)]]
    hits = cast([square(2, texture)], [(-0.5, 0.5), (0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)])
    np.testing.assert_array_equal(hits.colors, texture[..., :3].reshape(4, 3))


def test_texture_coordinates_wrap_around():
    texture = np.ones((1, 2, 4), np.float32)
    texture[0, 1, :3] = 0
    mesh = square(2, texture)
    twice = Mesh(mesh.vertices, mesh.faces, 2 * mesh.uv - 3, mesh.material, mesh.textures)
    hits = cast([twice], [(x, 0.1) for x in (-0.8, -0.3, 0.2, 0.7)])
    np.testing.assert_array_equal(hits.colors[:, 0], [1, 0, 1, 0])


def test_the_nearest_mesh_is_hit_and_nothing_beside_it():
    meshes = [square(3, plain(0.1, 0.2, 0.3)), square(2, plain(0.4, 0.5, 0.6), half=0.5)]
    hits = cast(meshes, [(0, 0), (0.9, 0.9), (5, 5)])
    np.testing.assert_array_equal(hits.mesh, [1, 0, -1])
    np.testing.assert_allclose(hits.distance, [2, 3, np.inf])
    np.testing.assert_allclose(hits.points[:2], [(0, 0, 2), (0.9, 0.9, 3)], atol=1e-6)
    np.testing.assert_allclose(hits.colors, [(0.4, 0.5, 0.6), (0.1, 0.2, 0.3), (0, 0, 0)])


def test_distance_is_counted_in_lengths_of_the_direction():
    scene = RayScene([square(3, plain(1, 1, 1))])
    hits = scene.cast(np.zeros((1, 3), np.float32), np.array([(0.3, 0, 1)], np.float32))
    assert hits.distance[0] == pytest.approx(3)


@pytest.mark.parametrize("turned", [False, True])
def test_normals_face_the_ray_whichever_way_faces_are_wound(turned):
    mesh = square(2, plain(1, 1, 1))
    faces = mesh.faces[:, ::-1].copy() if turned else mesh.faces
    hits = cast([Mesh(mesh.vertices, faces, mesh.uv, mesh.material, mesh.textures)], [(0.2, 0.1)])
    np.testing.assert_allclose(hits.normals, [(0, 0, -1)], atol=1e-6)


def test_rays_pass_where_textures_are_transparent():
    leaf = np.ones((1, 2, 4), np.float32)
    leaf[0, :, 3] = (0, 1)  # nothing on the side of small x
    panes = [square(1 + 0.1 * number, leaf) for number in range(3)]
    hits = cast([*panes, square(4, plain(0, 1, 0))], [(-0.5, 0.3), (0.5, 0.3)])
    np.testing.assert_array_equal(hits.mesh, [3, 0])
    np.testing.assert_allclose(hits.distance, [4, 1], rtol=1e-3)
    np.testing.assert_array_equal(hits.colors[0], (0, 1, 0))


def test_what_lies_behind_many_panes_is_a_miss():
    pane = np.zeros((1, 1, 4), np.float32)
    meshes = [square(1 + 0.1 * number, pane) for number in range(8)]
    hits = cast([*meshes, square(4, plain(1, 1, 1))], [(0.3, 0.1)])
    assert hits.mesh[0] == -1 and np.isinf(hits.distance[0])
    np.testing.assert_array_equal(hits.colors[0], 0)


def test_a_mesh_between_two_points_blocks():
    scene = RayScene([square(2, plain(1, 1, 1))])
    origins, towards = np.zeros((2, 3), np.float32), np.array([(0, 0, 3), (0, 0, 1)], np.float32)
    np.testing.assert_array_equal(scene.blocked(origins, towards), [True, False])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"material": np.array([0, 1], np.int32)},
            "materials 0 to 1, but",
        ),
        ({"material": np.array([-1, 0], np.int32)}, "materials -1 to 0"),
        ({"textures": [np.zeros((0, 4, 4), np.float32)]}, r"shape \(0, 4, 4\)"),
        ({"textures": [np.zeros((2, 2, 3), np.float32)]}, r"has to be \(H, W, 4\)"),
        ({"uv": np.full((2, 3, 2), np.nan, np.float32)}, "NaN"),
    ],
)
def test_textures_that_rays_would_read_beyond_are_refused(changes, message):
    mesh = square(0.0, np.ones((1, 1, 4), np.float32))
    with pytest.raises(ValueError, match=message):
        RayScene([replace(mesh, **changes)], threads=1)
