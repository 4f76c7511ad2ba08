"""Map files: what is saved comes back, and a hostile file does no more than be refused."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seg3d_ros
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.objects.storage import MapFileError, load_map, read_meta, save_map
from seg3d_ros.scene import Scene
from seg3d_ros.text.vocabulary import Vocabulary

VOXELS = {"keys": np.arange(5), "colors": np.full((5, 3), 0.5, np.float32)}


@pytest.fixture
def scene(world) -> Scene:
    """The whole map."""
    return world.scene(world.block(0), world.block(20), world.block(40))


@pytest.fixture
def objects(world, scene, encoder) -> ObjectMap:
    """Three objects: one with embeddings of two spaces, one without, one with a name."""
    objects = ObjectMap(TrackingSettings(confirm_views=1))
    vector = encoder.encode(["mug"])
    objects.update(scene, world.instances(scene, world.block(0), embeddings=vector))
    views = world.instances(scene, world.block(0), embeddings=vector[:, ::-1], space="views")
    objects.update(scene, views)
    later = world.scene(world.block(0), world.block(20), world.block(40), stamp_s=9)
    objects.update(later, world.instances(later, world.block(20)))
    mask = np.isin(later.element_ids, world.block(40))
    objects.add_prompted(later, mask, name="Grüße 猫")
    return objects


def assert_same(one: ObjectMap, other: ObjectMap) -> None:
    assert len(one.confirmed()) == len(other.confirmed())
    for a, b in zip(one.confirmed(), other.confirmed(), strict=True):
        plain = ("id", "score", "first_seen_ns", "last_seen_ns", "views", "prompted", "label")
        assert [getattr(a, name) for name in plain] == [getattr(b, name) for name in plain]
        np.testing.assert_array_equal(a.element_ids, b.element_ids)
        np.testing.assert_array_equal(a.box.center, b.box.center)
        np.testing.assert_array_equal(a.box.size, b.box.size)
        np.testing.assert_array_equal(a.centroid, b.centroid)
        assert a.embeddings.keys() == b.embeddings.keys()
        for space, embedding in a.embeddings.items():
            other = b.embeddings[space]
            np.testing.assert_array_equal(embedding.vector, other.vector)
            assert (embedding.weight, embedding.views) == (other.weight, other.views)


def test_a_saved_map_comes_back(objects, encoder, world, scene, tmp_path) -> None:
    path = save_map(tmp_path / "new" / "folder" / "kitchen.map", VOXELS, objects.to_arrays())
    loaded = load_map(path)
    for name, array in VOXELS.items():
        np.testing.assert_array_equal(loaded.voxels[name], array)
        assert loaded.voxels[name].dtype == array.dtype
    restored = ObjectMap(TrackingSettings(confirm_views=1))
    restored.load_arrays(loaded.objects, scene)
    assert_same(objects, restored)
    assert [known.label for known in restored.confirmed()] == ["object", "object", "Grüße 猫"]
    restored.relabel(Vocabulary(["mug", "lamp"], encoder=encoder))
    assert restored.get(1).label == "mug"

    parts = [world.block(0), world.block(20), world.block(60)]
    later = world.scene(*parts, stamp_s=12)
    restored.update(later, world.instances(later, *parts))
    assert {known.id for known in restored.confirmed()} == {1, 2, 3, 4}


def test_the_description_is_read_alone(tmp_path) -> None:
    voxels = {**VOXELS, "voxel_size": np.float64(0.05)}
    path = save_map(tmp_path / "a.map", voxels, {}, fixed_frame="odom")
    meta = read_meta(path)
    assert meta == load_map(path).meta
    assert (meta.fixed_frame, meta.voxel_size) == ("odom", 0.05)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MapFileError, match="damaged"):
        read_meta(path)


def test_an_empty_map_comes_back(world, tmp_path) -> None:
    path = save_map(tmp_path / "empty", {"keys": np.empty(0, np.int64)}, ObjectMap().to_arrays())
    loaded = load_map(path)
    restored = ObjectMap()
    restored.load_arrays(loaded.objects, world.scene(np.empty(0, np.int64)))
    assert restored.confirmed() == ()
    assert loaded.voxels["keys"].shape == (0,)


def test_saving_replaces_whole_files_and_leaves_nothing_beside_them(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save_map("~/a.map", VOXELS, {})
    before = (tmp_path / "a.map").read_bytes()
    with pytest.raises(TypeError):
        save_map("~/a.map", VOXELS, {"bad": _Unwritable()})  # type: ignore[dict-item]
    assert (tmp_path / "a.map").read_bytes() == before
    save_map("~/a.map", {"keys": np.arange(9)}, {})
    assert load_map("~/a.map").voxels["keys"].size == 9
    assert list(tmp_path.iterdir()) == [tmp_path / "a.map"]


class _Unwritable:
    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError("a fault in the middle of writing")


@pytest.mark.parametrize("name", [".bashrc", "other.npz", "other.zip", "cut.map", "pipe"])
def test_what_is_no_map_is_not_replaced(name, tmp_path) -> None:
    path = tmp_path / name
    if name == "pipe":
        os.mkfifo(path)
    elif name == "other.npz":
        np.savez(path, x=np.arange(3))
    elif name == "other.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("meta.json", '{"package": "of another program"}')
    else:
        path.write_text("something else")
    before = path.lstat()
    with pytest.raises(MapFileError, match="no map file; remove it or give another path"):
        save_map(path, VOXELS, {})
    after = path.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        *(before.st_ino, before.st_size, before.st_mtime_ns),
    )


def test_a_map_that_could_not_be_loaded_is_not_saved(tmp_path) -> None:
    path = tmp_path / "map"
    size = save_map(path, VOXELS, {}).stat().st_size
    with pytest.raises(MapFileError, match="only 100 could be loaded again"):
        save_map(path, VOXELS, {}, max_bytes=100)
    assert path.stat().st_size == size
    for max_bytes in range(0, 2 * size, 64):
        try:
            save_map(path, VOXELS, {}, max_bytes=max_bytes)
        except MapFileError:
            continue
        load_map(path, max_bytes=max_bytes)


@pytest.mark.parametrize("path", ["a" * 300, "/" + "b/" * 3000, "/proc/self/mem"])
def test_paths_that_are_no_paths(path) -> None:
    with pytest.raises(MapFileError, match="cannot"):
        load_map(path)
    with pytest.raises(MapFileError, match="cannot"):
        save_map(path, VOXELS, {})


@pytest.mark.parametrize("path", ["", " ", "a\0b", ".", "missing/map.npz", "/dev/zero"])
def test_paths_that_hold_no_map(path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MapFileError, match="cannot read the map"):
        load_map(path)


@pytest.mark.parametrize("path", ["", "a\0b", ".", "/dev/null/map", "~nobody_here/map"])
def test_paths_that_take_no_map(path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MapFileError, match="cannot write the map"):
        save_map(path, VOXELS, {})
    assert list(tmp_path.iterdir()) == []


def npy(array: np.ndarray, **options: bool) -> bytes:
    data = io.BytesIO()
    np.lib.format.write_array(data, array, **options)
    return data.getvalue()


def lying_header(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


HOSTILE = {
    "pickle": npy(np.array([print], object), allow_pickle=True),
    "lying shape": lying_header(f"({10**12},)"),
    "negative shape": lying_header("(-4, -2)") + bytes(64),
    "code in header": lying_header("().__class__"),
    "short": npy(np.arange(99))[:-8],
    "long": npy(np.arange(9)) + b"x",
    "tuple in header": lying_header("(3, (3, "),
    "many signs in header": lying_header("(" + "-" * 9000 + "1,)"),
    "many digits in header": lying_header("(" + "1" * 9000),
    "no array": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_arrays_are_refused(data: bytes, tmp_path) -> None:
    path = tmp_path / "hostile"
    save_map(path, {}, {})
    assert load_map(path).voxels == {}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("submaps/0/means.npy", data)
    with pytest.raises(MapFileError, match="not a map file"):
        load_map(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int, tmp_path) -> None:
    path = tmp_path / "packed"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("submaps/0/keys.npy", npy(np.arange(99)))
    data = bytearray(path.read_bytes())
    data[60:70] = bytes(10)
    path.write_bytes(data)
    with pytest.raises(MapFileError, match="not a map file"):
        load_map(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path) -> None:
    path = tmp_path / "bomb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submaps/0/keys.npy", npy(np.zeros(1_000_000)))
    assert path.stat().st_size < 20_000
    with pytest.raises(MapFileError, match="unpacks to 8000128 bytes, 1000000 are allowed"):
        load_map(path, max_bytes=1_000_000)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200):
            archive.writestr(f"objects/{number}.npy", npy(np.zeros(1)))
    with pytest.raises(MapFileError, match="200 arrays"):
        load_map(path)


def with_meta(path: Path, **changes: object) -> Path:
    """An empty map with other entries in its description."""
    save_map(path, {}, {})
    with zipfile.ZipFile(path) as archive:
        meta = json.loads(archive.read("meta.json"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta | changes))
    return path


def test_other_versions_and_other_npz_files_are_told_apart(tmp_path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, x=np.arange(3))
    with pytest.raises(MapFileError, match="no version"):
        load_map(path)
    np.savez(path, seg3d_ros_map_version=np.array(99))
    with pytest.raises(MapFileError, match="its version is 99, this program reads 1, 2 and 3"):
        load_map(path)
    with pytest.raises(MapFileError, match="its version is 4, this program reads 1, 2 and 3"):
        load_map(with_meta(path, format_version=4))


SUBMAP = {"id": 0, "map_from_submap": np.eye(4).tolist()}
MOVED = {"id": 0, "map_from_submap": (2 * np.eye(4)).tolist()}


@pytest.mark.parametrize("submaps", [[SUBMAP, SUBMAP], [MOVED]])
def test_maps_of_several_submaps_are_left_to_newer_programs(submaps, tmp_path) -> None:
    assert load_map(with_meta(tmp_path / "one", submaps=[SUBMAP])).voxels == {}
    with pytest.raises(MapFileError, match="this program reads maps of one; read it with"):
        load_map(with_meta(tmp_path / "more", submaps=submaps))


@pytest.mark.parametrize(
    "changes",
    [{"package": "other"}, {"submaps": []}, {"spaces": 1}, {"fixed_frame": "a\n"},
     {"voxel_size": "0.02"}, {"package_version": None}],
)  # fmt: skip
def test_a_damaged_description_is_refused(changes, tmp_path) -> None:
    with pytest.raises(MapFileError, match="not a map file, or a damaged one"):
        load_map(with_meta(tmp_path / "map", **changes))


def test_the_description_says_what_is_in_the_map(objects, encoder, tmp_path) -> None:
    voxels = VOXELS | {"voxel_size": np.array(0.05)}
    path = save_map(tmp_path / "map", voxels, objects.to_arrays(), fixed_frame="odom")
    with zipfile.ZipFile(path) as archive:
        meta = json.loads(archive.read("meta.json"))
    assert meta == {
        "package": "seg3d_ros", "package_version": seg3d_ros.__version__, "format_version": 3,
        "fixed_frame": "odom", "voxel_size": 0.05, "spaces": ["views", encoder.name],
        "submaps": [SUBMAP],
    }  # fmt: skip
    found = load_map(path).meta
    assert (found.fixed_frame, found.voxel_size) == ("odom", 0.05)
    assert found.spaces == ("views", encoder.name)


def test_members_of_newer_programs_are_left_alone(tmp_path) -> None:
    path = save_map(tmp_path / "map", VOXELS, {})
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(300):
            archive.writestr(f"keyframes/{number}.jpg", b"no array")
    assert load_map(path).voxels.keys() == VOXELS.keys()


def test_equal_maps_give_equal_bytes(objects, tmp_path) -> None:
    paths = [tmp_path / name for name in ("one", "other")]
    for path in paths:
        save_map(path, VOXELS, objects.to_arrays(), fixed_frame="map")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_map_of_another_fixed_frame_is_refused(tmp_path) -> None:
    path = save_map(tmp_path / "map", VOXELS, {}, fixed_frame="odom")
    with pytest.raises(MapFileError, match=r"those here in 'map'; set node\.fixed_frame"):
        load_map(path, fixed_frame="map")
    for frame in ("odom", ""):
        assert load_map(path, fixed_frame=frame).meta.fixed_frame == "odom"


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_file_with_flipped_or_missing_bytes_is_refused_or_read(data, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("map") / "map"
    whole = bytearray(save_map(path, VOXELS, {}).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        load_map(path)
    except MapFileError as error:
        assert str(path) in str(error)


DAMAGE = {
    "an id twice": lambda a: a["id"].__setitem__(1, a["id"][0]),
    "id zero": lambda a: a["id"].__setitem__(0, 0),
    "id not given out yet": lambda a: a["id"].__setitem__(0, 999),
    "missing": lambda a: a.pop("views"),
    "other length": lambda a: a.__setitem__("score", a["score"][:-1]),
    "other type": lambda a: a.__setitem__("id", a["id"].astype(str)),
    "score out of range": lambda a: a["score"].__setitem__(0, np.nan),
    "unsorted keys": lambda a: a["element_ids"].__setitem__(slice(0, 2), a["element_ids"][1::-1]),
    "negative keys": lambda a: a["element_ids"].__setitem__(0, -5),
    "shared voxels": lambda a: a["element_ids"].__setitem__(
        slice(120, 240), a["element_ids"][:120]
    ),
    "counts that lie": lambda a: a["element_count"].__setitem__(0, 10**15),
    "negative counts": lambda a: a["element_count"].__setitem__(slice(0, 2), [-120, 360]),
    "too few keys": lambda a: a.__setitem__("element_ids", a["element_ids"][:-1]),
    "no unit vector": lambda a: a["embeddings"].__imul__(3),
    "embeddings too few": lambda a: a.__setitem__("embeddings", a["embeddings"][:-1]),
    "embedding of no object": lambda a: a["embedding_object"].__setitem__(0, 3),
    "embedding twice": lambda a: a["embedding_space"].__setitem__(1, a["embedding_space"][0]),
    "weight": lambda a: a["embedding_weight"].__setitem__(0, np.nan),
    "views of an embedding": lambda a: a["embedding_views"].__setitem__(0, 0),
    "spaces too few": lambda a: a.__setitem__("embedding_space", a["embedding_space"][:-1]),
    "no number": lambda a: a.__setitem__("next_id", np.array(np.inf)),
    "control characters": lambda a: a.__setitem__("pinned_label", np.array(["", "", "a\x07"])),
    "long name": lambda a: a.__setitem__("pinned_label", np.array(["", "", "a" * 999])),
}


def test_ids_stay_in_their_range_when_the_counter_of_a_file_is_at_its_end(
    world, scene, objects
) -> None:
    arrays = objects.to_arrays()
    arrays["next_id"] = np.array(2**32)
    restored = ObjectMap(objects.settings)
    restored.load_arrays(arrays, scene)
    known = {item.id for item in restored.confirmed()}
    other = world.scene(world.block(100), world.block(120))
    made = [
        restored.add_prompted(other, other.element_ids == key).id for key in other.element_ids[:5]
    ]
    assert len(set(made)) == 5 and not known & set(made)
    assert all(1 <= new < 2**32 for new in made)
    again = ObjectMap(objects.settings)
    parts = [world.block(x) for x in (0, 20, 40, 100, 120)]
    again.load_arrays(restored.to_arrays(), world.scene(*parts))
    assert {item.id for item in again.confirmed()} == {item.id for item in restored.confirmed()}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_objects_are_refused_and_the_old_ones_stay(damage, objects, scene) -> None:
    arrays = objects.to_arrays()
    damage(arrays)
    before = objects.confirmed()
    with pytest.raises(ValueError, match=r"damaged|a pinned label"):
        objects.load_arrays(arrays, scene)
    assert objects.confirmed() is before


def test_embeddings_that_lie_about_their_space_are_not_named(objects, scene, encoder) -> None:
    arrays = objects.to_arrays()
    space = arrays["embedding_space"]
    named = space == encoder.name
    arrays |= {
        "embeddings": np.ones(4, np.float32) / 2,
        "embedding_length": np.array([4]),
        **{f"embedding_{name}": arrays[f"embedding_{name}"][named]
           for name in ("object", "space", "weight", "views")},
    }  # fmt: skip
    objects.relabel(Vocabulary(["mug", "lamp"], encoder=encoder))
    objects.load_arrays(arrays, scene)
    assert [known.label for known in objects.confirmed()] == ["object", "object", "Grüße 猫"]
    assert len(objects.get(1).embeddings[encoder.name].vector) == 4


def test_elements_that_the_map_lacks_are_left_out(objects, world) -> None:
    restored = ObjectMap(objects.settings)
    scene = world.scene(world.block(0), world.block(20, size=(3, 5, 4)))
    restored.load_arrays(objects.to_arrays(), scene)
    found = {known.id: set(known.element_ids) for known in restored.confirmed()}
    assert found == {1: set(world.block(0)), 2: set(world.block(20, size=(3, 5, 4)))}
