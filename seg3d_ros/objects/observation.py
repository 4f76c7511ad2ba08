"""Observation of objects: a segmentation, and what each mask of it adds to an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.elements import Elements
from seg3d_ros.objects.embedding import MEMORY_VIEWS, Embedding, with_view
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.sparse.hash_index import HashIndex


@dataclass(frozen=True, eq=False)
class Observation:
    """A segmentation and what the tracker needs to know about its moment.

    Attributes:
        scene: the scene that was segmented.
        instances: its masks.
        index: of the scene's element ids.
        last_index: of those of the scene segmented before, empty the first time.
        elapsed_ns: time since then, >= 0.
    """

    scene: Scene
    instances: Instances
    index: HashIndex
    last_index: HashIndex
    elapsed_ns: int


def mean_score(known: MapObject, score: float) -> float:
    """Score of an object after a further view."""
    memory = min(known.views, MEMORY_VIEWS - 1)
    return (known.score * memory + score) / (memory + 1)


def observe(track: Track, new: Observation, mask: int) -> None:
    """Bring what is known of an object up to date with its mask in a segmentation."""
    known = track.known
    track.known = replace(
        known,
        score=mean_score(known, float(new.instances.scores[mask])),
        first_seen_ns=min(known.first_seen_ns, new.scene.stamp_ns),
        last_seen_ns=new.scene.stamp_ns,
        views=known.views + 1,
        embeddings=_with_embedding(known, new.instances, mask),
    )
    track.segmented_size = len(known)


def start_track(body: Elements, new: Observation, mask: int) -> Track:
    """A track for a segment that fits no object."""
    stamp_ns = new.scene.stamp_ns
    box, centroid = voxel_box(body.points, new.scene.grid)
    score = float(new.instances.scores[mask])
    known = MapObject(0, *body, box, centroid, score, stamp_ns, stamp_ns)
    known = replace(known, embeddings=_with_embedding(known, new.instances, mask))
    return Track(known, segmented_size=len(known))


def _with_embedding(known: MapObject, instances: Instances, mask: int) -> Mapping[str, Embedding]:
    """Embeddings of an object and that of a mask, weighted by score and number of voxels."""
    space, vectors = instances.embedding_space, instances.embeddings
    if space is None or vectors is None:
        return known.embeddings
    view = Embedding(vectors[mask].copy(), float(instances.scores[mask]) * len(known))
    return with_view(known.embeddings, space, view)
