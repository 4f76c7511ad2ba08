"""Identity apart from geometry: ids may be any numbers, and only the map takes them apart."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
from support.word_vectors import WordVectors

import seg3d_ros
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.scene import Scene

PACKAGE = Path(seg3d_ros.__file__).parent
TAKES_APART = {"unpack", "unpack_keys", "unpack_columns", "AXIS_BITS"}


def test_only_the_map_takes_keys_apart() -> None:
    users = {
        file.relative_to(PACKAGE).parts[0]
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module == "seg3d_ros.sparse.voxel_keys"
        and TAKES_APART & {name.name for name in node.names}
    }
    assert users == {"mapping", "sparse"}


def test_objects_do_not_depend_on_the_ids_of_their_elements(world) -> None:
    """A scene with its elements numbered anew, at random, gives the same objects."""
    chair, lamp = world.block(0, size=(12, 5, 5)), world.block(20)
    renumber = dict(
        zip(
            np.concatenate([chair, lamp]).tolist(),
            np.random.default_rng(3).permutation(len(chair) + len(lamp)).tolist(),
            strict=True,
        )
    )

    def renumbered(scene: Scene) -> Scene:
        ids = np.array([renumber[key] for key in scene.element_ids.tolist()])
        return dataclasses.replace(scene, element_ids=ids)

    maps = []
    for change in (lambda scene: scene, renumbered):
        objects = ObjectMap(TrackingSettings(confirm_views=1))
        whole, near = world.scene(chair, lamp), world.scene(chair[:150], lamp, stamp_s=2)
        vectors = WordVectors().encode(["chair", "lamp"])
        found = world.instances(whole, chair, lamp, embeddings=vectors)
        objects.update(change(whole), found)
        objects.update(change(near), world.instances(near, chair[:75], lamp))
        objects.add_prompted(change(near), np.isin(near.element_ids, lamp[:90]))
        maps.append(objects.confirmed())
    for one, other in zip(*maps, strict=True):
        assert (one.id, len(one), one.prompted) == (other.id, len(other), other.prompted)
        np.testing.assert_array_equal(one.box.center, other.box.center)
        np.testing.assert_array_equal(one.box.size, other.box.size)
        np.testing.assert_allclose(one.centroid, other.centroid, atol=1e-12)
        assert {renumber[key] for key in one.element_ids.tolist()} == set(other.element_ids)
