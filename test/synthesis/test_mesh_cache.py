from pathlib import Path

import numpy as np
import pytest
from support.furniture_library import write_library

from seg3d_ros.synthesis.library import LibraryError, read_libraries
from seg3d_ros.synthesis.mesh import Mesh
from seg3d_ros.synthesis.mesh_cache import BakedModels, bake, load_mesh, save_mesh

pytest.importorskip("trimesh")
pytest.importorskip("open3d")


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> BakedModels:
    folder = tmp_path_factory.mktemp("furniture")
    path = write_library(folder / "Tests.sh3f")
    return bake([path], read_libraries([path]), folder / "baked", workers=1)


def test_a_model_stands_in_the_middle_at_its_real_size(baked: BakedModels) -> None:
    table = baked.load("tests/table")
    used = table.vertices[table.faces].reshape(-1, 3)
    np.testing.assert_allclose(used.min(axis=0), (-0.6, -0.4, 0), atol=1e-6)
    np.testing.assert_allclose(used.max(axis=0), (0.6, 0.4, 0.75), atol=1e-6)


def test_a_model_is_turned_and_its_front_is_towards_minus_y(baked: BakedModels) -> None:
    """The lamp's missing glass was at x = 1 of the file: turned to its front, and at the top."""
    lamp = baked.load("tests/lamp")
    corners = lamp.vertices[lamp.faces]
    sides = {
        (axis, side)
        for axis, extent in enumerate((0.2, 0.3, 0.5))
        for side in (-1, 1)
        if np.isclose(corners[:, :, axis] - (extent / 2) * (axis == 2), side * extent / 2)
        .all(axis=1)
        .any()
    }
    assert sides == {(0, -1), (0, 1), (1, 1), (2, -1)}


def test_a_texture_stands_alone_and_keeps_its_transparency(baked: BakedModels) -> None:
    (texture,) = baked.load("tests/table").textures
    assert texture.shape == (4, 4, 4)
    np.testing.assert_allclose(texture[:2], np.broadcast_to((1, 0, 0, 1), (2, 4, 4)), atol=1e-6)
    np.testing.assert_array_equal(texture[2:, :, 3], 0)
    assert baked.load("tests/table").uv.max() == 3  # repeats; nothing is clipped


def test_glass_is_left_out_of_what_is_mostly_opaque(baked: BakedModels) -> None:
    lamp = baked.load("tests/lamp")
    assert len(lamp.faces) == 8  # four quads of steel; two of glass are gone
    np.testing.assert_allclose(lamp.textures[0], [[[0, 0, 1, 1]]])


def test_things_of_glass_stay_whole(tmp_path: Path) -> None:
    path = write_library(tmp_path / "Tests.sh3f", glass_quads=5)
    models = read_libraries([path])
    lamp = bake([path], models, tmp_path / "baked", workers=1).load("tests/lamp")
    assert len(lamp.faces) == 12


def test_only_what_can_carry_has_supports(baked: BakedModels) -> None:
    (top,) = baked.supports("tests/table")
    assert top.height == pytest.approx(0.75)
    assert (top.clearance > 1).all()
    assert baked.supports("tests/lamp") == ()


def test_what_was_never_baked_is_named(baked: BakedModels) -> None:
    assert "tests/sofa" not in baked
    with pytest.raises(LibraryError, match="tests/sofa"):
        baked.load("tests/sofa")


def test_baking_again_keeps_what_is_there(tmp_path: Path) -> None:
    path = write_library(tmp_path / "Tests.sh3f")
    models = read_libraries([path])
    bake([path], {"tests/lamp": models["tests/lamp"]}, tmp_path / "baked", workers=1)
    before = (tmp_path / "baked" / "tests" / "lamp.npz").stat().st_mtime_ns
    baked = bake([path], models, tmp_path / "baked", workers=1)
    assert (tmp_path / "baked" / "tests" / "lamp.npz").stat().st_mtime_ns == before
    assert "tests/table" in baked


def test_a_failure_in_other_processes_is_told(tmp_path: Path) -> None:
    path = write_library(tmp_path / "Tests.sh3f")
    models = read_libraries([path])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LibraryError, match=r"Tests\.sh3f: .*zip"):
        bake([path], models, tmp_path / "baked", workers=2)


def test_a_saved_mesh_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mesh = Mesh(
        rng.random((5, 3), np.float32),
        np.array([[0, 1, 2], [2, 3, 4]], np.int32),
        rng.random((2, 3, 2), np.float32),
        np.array([1, 0], np.int32),
        [rng.random((2, 3, 4), np.float32), rng.random((1, 1, 4), np.float32)],
    )
    save_mesh(tmp_path / "a" / "mesh.npz", mesh)
    back = load_mesh(tmp_path / "a" / "mesh.npz")
    np.testing.assert_array_equal(back.vertices, mesh.vertices)
    np.testing.assert_array_equal(back.faces, mesh.faces)
    np.testing.assert_array_equal(back.uv, mesh.uv)
    np.testing.assert_array_equal(back.material, mesh.material)
    for one, other in zip(back.textures, mesh.textures, strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)  # stored as bytes of sRGB
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mesh.npz"]
