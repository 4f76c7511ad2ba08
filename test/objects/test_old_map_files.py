"""Map files of the formats 1 and 2, written by the programs of their time."""

from pathlib import Path

import numpy as np
import pytest

from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.objects.object_map import ObjectMap
from seg3d_ros.objects.old_archive import upgrade_objects
from seg3d_ros.objects.storage import load_map, read_meta, save_map

FOLDER = Path(__file__).parent.parent / "data" / "map_files"
ORIGINS = {"format_1.map": 0.0, "format_2.map": 400_000.25}
KINDS = ("event_", "prototype_", "kind_", "forgotten_", "undo_")  # of arrays that they lack
SPACE = "all-MiniLM-L6-v2"


@pytest.mark.parametrize("name", ORIGINS)
def test_files_of_older_formats_are_read(name: str, tmp_path) -> None:
    """Three cubes of 27 voxels of 5 cm, half a metre apart; the third was clicked and named."""
    found = load_map(FOLDER / name)
    assert (found.meta.fixed_frame, found.meta.spaces) == ("", (SPACE,))
    assert found.meta.format_version == read_meta(FOLDER / name).format_version == int(name[7])
    voxels = VoxelMap(MapSettings(voxel_size=0.05))
    voxels.load_arrays(found.voxels)
    scene = voxels.snapshot()
    assert (len(scene), scene.stamp_ns) == (81, 2_000_000_000)
    objects = ObjectMap()
    objects.load_arrays(found.objects, scene)

    corner = np.array([0.0, 0.0, 1.0]) + ORIGINS[name]
    chair, table, cat = objects.confirmed()
    for number, known in enumerate((chair, table, cat)):
        assert (known.id, len(known), known.views) == (number + 1, 27, 1)
        assert (known.first_seen_ns, known.last_seen_ns) == (2_000_000_000, 2_000_000_000)
        middle = corner + np.array([0.5 * number, 0, 0]) + 0.075
        np.testing.assert_allclose(known.box.center, middle, atol=1e-6)
        np.testing.assert_allclose(known.box.size, 0.15, atol=1e-9)
        np.testing.assert_allclose(known.centroid, middle, atol=1e-6)
    assert [known.score for known in (chair, table, cat)] == pytest.approx([0.8, 0.7, 0.9])
    assert (cat.label, cat.prompted, dict(cat.embeddings)) == ("Grüße 猫", True, {})
    np.testing.assert_array_equal(chair.embeddings[SPACE].vector, np.eye(384)[0])
    half = np.sqrt(np.float32(0.5))
    np.testing.assert_array_equal(np.flatnonzero(table.embeddings[SPACE].vector == half), [1, 2])
    assert chair.embeddings[SPACE].weight == pytest.approx(0.8 * 27)

    written = save_map(tmp_path / "map", found.voxels, objects.to_arrays(), fixed_frame="map")
    again = load_map(written)
    assert again.meta.format_version == 3
    added = again.objects.keys() - found.objects.keys()
    assert "deleted" in added and all(name.startswith(KINDS) for name in added - {"deleted"})
    for key, array in found.objects.items():
        np.testing.assert_array_equal(array, again.objects[key])


def test_embeddings_of_unknown_length_are_left_out(caplog) -> None:
    arrays = load_map_of_format_1()
    arrays["embedding_length"] = np.array([384, 100])
    arrays["embeddings"] = arrays["embeddings"][:484]
    upgraded = upgrade_objects(arrays)
    assert upgraded["embedding_object"].tolist() == [0]
    assert upgraded["embeddings"].shape == (384,)
    assert "1 embeddings of an unknown text space are left out" in caplog.text


DAMAGE = {
    "missing": lambda a: a.pop("has_embedding"),
    "lengths that lie": lambda a: a.__setitem__("embedding_length", np.array([10**15, -4])),
    "other type": lambda a: a.__setitem__("embedding_length", np.array(["a", "b"])),
    "other shape": lambda a: a.__setitem__("embedding_length", np.array(3)),
    "too many owners": lambda a: a.__setitem__("has_embedding", np.ones(9, bool)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_objects_of_older_formats_are_refused(damage) -> None:
    arrays = load_map_of_format_1()
    damage(arrays)
    voxels = VoxelMap(MapSettings(voxel_size=0.05))
    voxels.load_arrays(load_map(FOLDER / "format_1.map").voxels)
    with pytest.raises(ValueError, match="damaged"):
        ObjectMap().load_arrays(upgrade_objects(arrays), voxels.snapshot())


def load_map_of_format_1() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "format_1.map") as archive:
        prefix = "objects."
        names = [name for name in archive.files if name.startswith(prefix)]
        return {name.removeprefix(prefix): archive[name] for name in names}
