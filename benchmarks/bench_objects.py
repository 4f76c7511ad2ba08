"""Objects: taking in a segmentation and renaming everything, at the sizes of the budgets."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from benchmarks.table import Row, measure, print_table
from seg3d_ros.masks import Masks
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.scene import Float32, Instances, Scene
from seg3d_ros.sparse.voxel_keys import pack_keys, unpack_keys
from seg3d_ros.text.vocabulary import Vocabulary

DIMENSION = 384
SPACE = "random"
VOXEL_SIZE = 0.02
OBJECT_VOXELS = 512


def run() -> list[Row]:
    """Measure tracking and relabelling."""
    return [_update_row(object_count=200), _relabel_row(object_count=500, label_count=200)]


def _update_row(*, object_count: int) -> Row:
    """Every mask changes at its border each time, so every object is made anew."""
    scene, object_of_point = _blocks(object_count)
    embeddings = _unit_vectors(object_count)
    views = cycle([_noisy_masks(object_of_point, embeddings, seed) for seed in range(6)])
    objects = ObjectMap(TrackingSettings(confirm_views=1))
    return Row(
        f"track {object_count} masks, {len(scene) // 1000} k voxels, {object_count} objects",
        measure(lambda: objects.update(scene, next(views)), repeats=15),
        note="5 % of the voxels change hands between views",
    )


def _relabel_row(*, object_count: int, label_count: int) -> Row:
    scene, object_of_point = _blocks(object_count)
    embeddings = _unit_vectors(object_count)
    objects = ObjectMap(TrackingSettings(confirm_views=1))
    objects.update(scene, _noisy_masks(object_of_point, embeddings, seed=0))
    encoder = _RandomEncoder()
    vocabulary = Vocabulary([f"label {i}" for i in range(label_count)], encoder=encoder)
    labels = _unit_vectors(label_count)
    return Row(
        f"relabel {object_count} objects, {label_count} words",
        measure(lambda: objects.relabel(vocabulary), repeats=30),
        "bare matrix product",
        measure(lambda: embeddings @ labels.T, repeats=30),
        "cosines, softmax, top 5, new objects; text is cached",
    )


class _RandomEncoder:
    """Vectors of the right size; their meaning costs no time."""

    name = SPACE
    dimension = DIMENSION
    temperature = 0.05
    templates = ("{}",)
    latin_only = False

    def encode(self, texts: list[str]) -> Float32:
        return _unit_vectors(len(texts))


def _unit_vectors(count: int) -> Float32:
    vectors = np.random.default_rng(count).standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _blocks(count: int) -> tuple[Scene, np.ndarray]:
    """Cubes of voxels on a grid, in the order of a map, and the cube of each point."""
    cube = np.indices((8, 8, 8)).reshape(3, -1).T
    corners = [[10 * (i % 20), 10 * (i // 20), 0] for i in range(count)]
    keys = pack_keys(np.concatenate([cube + np.array(corner) for corner in corners]))
    order = np.argsort(keys)
    points = ((unpack_keys(keys[order]) + 0.5) * VOXEL_SIZE).astype(np.float32)
    scene = Scene(points, np.zeros_like(points), keys[order], VOXEL_SIZE, stamp_ns=1)
    return scene, order // OBJECT_VOXELS


def _noisy_masks(object_of_point: np.ndarray, embeddings: Float32, seed: int) -> Instances:
    rng = np.random.default_rng(seed)
    count, points = len(embeddings), len(object_of_point)
    strays = rng.random(points) < 0.05
    owner = np.where(strays, rng.integers(0, count, points), object_of_point)
    masks = np.zeros((count, points), bool)
    masks[owner, np.arange(points)] = True
    return Instances(
        Masks.of(masks), rng.uniform(0.3, 0.9, count).astype(np.float32), embeddings, SPACE
    )


if __name__ == "__main__":
    print_table(run())
