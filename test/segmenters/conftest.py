"""Scenes whose objects are known because the tests put them there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from support.word_vectors import WordVectors

from seg3d_ros.scene import Scene
from seg3d_ros.sparse.voxel_keys import keys_of_points


@dataclass
class Builder:
    """Collects surface samples of shapes and makes a scene of them."""

    voxel_size: float = 0.02
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.samples = []
        self.owners = []

    def _count(self, area):
        return int(12 * area / self.voxel_size**2) + 1

    def _add(self, points, owner):
        self.samples.append(points)
        self.owners.append(np.full(len(points), owner))
        return self

    def rectangle(self, corner, side_a, side_b, owner=0):
        corner, side_a, side_b = (np.asarray(v, float) for v in (corner, side_a, side_b))
        count = self._count(np.linalg.norm(np.cross(side_a, side_b)))
        a, b = self.rng.random((2, count, 1))
        return self._add(corner + a * side_a + b * side_b, owner)

    def box(self, center, size, owner, yaw=0.0):
        """All faces but the bottom."""
        half = np.asarray(size, float) / 2
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        for axis in range(3):
            for side in (-1, 1):
                if axis == 2 and side < 0:
                    continue
                others = [a for a in range(3) if a != axis]
                count = self._count(4 * half[others[0]] * half[others[1]])
                points = self.rng.uniform(-1, 1, (count, 3)) * half
                points[:, axis] = side * half[axis]
                self._add(points @ turn.T + center, owner)
        return self

    def hide(self, low, high):
        """Remove samples inside a box: nobody sees the floor under a cabinet."""
        for k, points in enumerate(self.samples):
            seen = ~((points > low) & (points < high)).all(axis=1)
            self.samples[k], self.owners[k] = points[seen], self.owners[k][seen]
        return self

    def sphere(self, center, radius, owner):
        points = self.rng.normal(size=(self._count(4 * np.pi * radius**2), 3))
        points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
        return self._add(points + center, owner)

    def cylinder(self, center, radius, height, owner):
        """Mantle and lid."""
        angle = self.rng.uniform(0, 2 * np.pi, self._count(2 * np.pi * radius * height))
        z = self.rng.uniform(-height / 2, height / 2, len(angle))
        mantle = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
        angle = self.rng.uniform(0, 2 * np.pi, self._count(np.pi * radius**2))
        r = radius * np.sqrt(self.rng.random(len(angle)))
        lid = np.stack([r * np.cos(angle), r * np.sin(angle), np.full(len(r), height / 2)], axis=1)
        return self._add(mantle + center, owner)._add(lid + center, owner)

    def build(self, rotation=None, shift=(0.0, 0.0, 0.0)):
        """The scene and the (N,) owner of each voxel (the one with most samples in it)."""
        points = np.concatenate(self.samples)
        points = points + self.rng.normal(scale=self.noise, size=points.shape)
        points = points @ (np.eye(3) if rotation is None else rotation).T + shift
        owners = np.concatenate(self.owners)
        keys, voxel, count = np.unique(
            keys_of_points(points, self.voxel_size), return_inverse=True, return_counts=True
        )
        mean = [np.bincount(voxel, points[:, axis]) / count for axis in range(3)]
        votes = np.bincount(voxel * 32 + owners, minlength=32 * len(keys)).reshape(-1, 32)
        positions = np.stack(mean, axis=1).astype(np.float32)
        scene = Scene(positions, np.full_like(positions, 0.5), keys, self.voxel_size)
        return scene, votes.argmax(axis=1)


def furnish(builder):
    """Floor and two walls (0), a table (1) with five things on it (2-6), a cabinet (7)."""
    builder.rectangle((0, 0, 0), (3, 0, 0), (0, 3, 0))
    builder.rectangle((0, 0, 0), (3, 0, 0), (0, 0, 2))
    builder.rectangle((0, 0, 0), (0, 3, 0), (0, 0, 2))
    builder.hide((0.3, 1.9, -0.1), (1.1, 2.5, 0.1))
    builder.rectangle((1.2, 1.2, 0.7), (1.2, 0, 0), (0, 0.8, 0), owner=1)
    for x in (1.25, 2.35):
        for y in (1.25, 1.95):
            builder.box((x, y, 0.35), (0.04, 0.04, 0.68), 1)
    builder.box((1.45, 1.45, 0.8), (0.2, 0.15, 0.2), 2, yaw=0.4)
    builder.cylinder((1.8, 1.4, 0.825), 0.06, 0.25, 3)
    builder.sphere((2.1, 1.45, 0.81), 0.11, 4)
    builder.box((2.15, 1.8, 0.76), (0.3, 0.2, 0.12), 5)
    builder.cylinder((1.5, 1.85, 0.76), 0.05, 0.12, 6)
    return builder.box((0.7, 2.2, 0.45), (0.8, 0.6, 0.9), 7)


@pytest.fixture(scope="session")
def builder():
    return Builder


@pytest.fixture(scope="session")
def room():
    """A furnished corner of a room with 3 mm of noise: (scene, owners)."""
    return furnish(Builder(noise=0.003)).build()


@pytest.fixture(scope="session")
def furnished():
    """Puts the furniture of `room` into a builder."""
    return furnish


@pytest.fixture
def overlap():
    """Best intersection over union of a wanted mask with any of several."""

    def best_iou(masks, wanted):
        both = (masks & wanted).sum(axis=1)
        either = (masks | wanted).sum(axis=1)
        return float((both / np.maximum(either, 1)).max(initial=0.0))

    return best_iou


@pytest.fixture
def words(monkeypatch):
    """A text encoder without weights, in the place of the one of closed sets."""
    from seg3d_ros.segmenters import closed_set  # needs torch

    vectors = WordVectors()
    monkeypatch.setattr(closed_set, "load_text_encoder", lambda *_, **__: vectors)
    return vectors
