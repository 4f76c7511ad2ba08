"""A toy world for the tests of objects: blocks of voxels, and words with fixed vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from support.word_vectors import WordVectors

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.sparse.voxel_keys import pack_keys, unpack_keys

VOXEL = 0.05


class World:
    """Builds scenes and segmentations of them from sets of element ids (voxel keys)."""

    @staticmethod
    def block(x: int, y: int = 0, z: int = 0, *, size: tuple[int, int, int] = (6, 5, 4)):
        """Keys of a solid block, `size` voxels from its lowest corner."""
        grid = np.indices(size).reshape(3, -1).T + np.array([x, y, z])
        return pack_keys(grid)

    @staticmethod
    def scene(*parts: np.ndarray, stamp_s: float = 1.0, seed: int = 0) -> Scene:
        """A scene of all the parts' voxels, in random order as a hash map gives them."""
        keys = np.unique(np.concatenate(parts))
        np.random.default_rng(seed).shuffle(keys)
        points = ((unpack_keys(keys) + 0.5) * VOXEL).astype(np.float32)
        return Scene(points, np.zeros_like(points), keys, VOXEL, stamp_ns=int(stamp_s * 1e9))

    @staticmethod
    def instances(
        scene: Scene,
        *parts: np.ndarray,
        scores: Sequence[float] | None = None,
        embeddings: np.ndarray | None = None,
        space: str = WordVectors.name,
    ) -> Instances:
        """One mask for each part, over the scene's points."""
        masks = np.zeros((len(parts), len(scene)), bool)
        for mask, part in zip(masks, parts, strict=True):
            mask[:] = np.isin(scene.element_ids, part)
        chosen = np.array(scores if scores is not None else [0.8] * len(parts), np.float32)
        return Instances(
            Masks.of(masks), chosen, embeddings, None if embeddings is None else space
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def encoder() -> WordVectors:
    return WordVectors()


@pytest.fixture
def union() -> Callable[..., np.ndarray]:
    """Union of sets of keys."""
    return lambda *parts: np.unique(np.concatenate(parts))
