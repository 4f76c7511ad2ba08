"""Names of objects with the help of frames: the model alone, pictures alone, all witnesses.

The frames of a scene lie in recordings/<scene> or recordings/<split>/<scene> beside the splits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seg3d_ros.evaluation.prompt_run import labels_of_voxels
from seg3d_ros.evaluation.recorded_frames import recorded_keyframes
from seg3d_ros.evaluation.report import aligned, number
from seg3d_ros.evaluation.scenes import Classes, LabelledScene, labelled_scenes
from seg3d_ros.imaging.encoder import ImageEncoder
from seg3d_ros.imaging.object_views import encode_views
from seg3d_ros.mapping.keyframes.best_views import best_views
from seg3d_ros.mapping.keyframes.keyframe import Keyframe
from seg3d_ros.masks import Int32
from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.embedding import Embedding, with_view
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.naming import label_logits, model_logits, picture_logits
from seg3d_ros.objects.sizes import floor_of
from seg3d_ros.scene import Instances, Int64
from seg3d_ros.segmenters.segmenter import Segmenter
from seg3d_ros.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from seg3d_ros.datasets.scene_dataset import ScanNetDataset

WITNESSES = ("model", "pictures", "all")
_FOUND_IOU = 0.5


@dataclass(frozen=True)
class NameScores:
    """Ranks of true names, from 0.

    Attributes:
        split: name of the folder.
        found: by witnesses, of objects that the model found with an IoU of 0.5 or more.
        true: of all objects, by their true masks.
    """

    split: str
    found: dict[str, list[int]]
    true: dict[str, list[int]]


def evaluate_names(
    dataset: ScanNetDataset,
    segmenter: Segmenter,
    encoders: Sequence[ImageEncoder],
    vocabulary: Vocabulary,
    classes: Classes,
    *,
    min_points: int,
    limit: int | None = None,
) -> NameScores:
    """Rank the true name of each object among the labels.

    The model's embedding of a true mask is that of its segment that fits best.

    Args:
        dataset: of one split.
        segmenter: whose embeddings are of the vocabulary's space.
        encoders: of pictures.
        vocabulary: labels, each class among them, with knowledge about them.
        classes: of the data set; objects of those that are ignored are left out.
        min_points: smaller objects are left out.
        limit: stop after so many scenes.

    Raises:
        FileNotFoundError: a scene has no frames.
    """
    folder = dataset.scenes[0].parent
    found: dict[str, list[int]] = {name: [] for name in WITNESSES}
    true: dict[str, list[int]] = {name: [] for name in WITNESSES}
    for scene in labelled_scenes(dataset, segmenter.name, limit=limit):
        keyframes = recorded_keyframes(scene.folder)
        instances = segmenter.segment(scene.voxels)
        namer = _Namer(scene, instances, keyframes, encoders, vocabulary)
        rows_of_mask = instances.masks.rows_of_each()
        for name, rows, segment, iou in _objects(scene, instances, classes, min_points):
            for witness, rank in namer.ranks(name, rows, segment):
                true[witness].append(rank)
            if iou >= _FOUND_IOU:
                for witness, rank in namer.ranks(name, rows_of_mask[segment], segment):
                    found[witness].append(rank)
    return NameScores(folder.name, found, true)


def name_table(scores: Sequence[NameScores]) -> str:
    """Shares of names that come first and among the first five, as text."""
    tables = []
    for item in scores:
        rows = []
        for title, ranks in (("found", item.found), ("true masks", item.true)):
            for most in (1, 5):
                values = (np.array(ranks[name]) < most for name in WITNESSES)
                shares = tuple(number(float(v.mean()) if len(v) else np.nan) for v in values)
                rows.append((f"name top {most}, {title} ({len(ranks['all'])})", shares))
        tables.append(aligned(f"{item.split}: names by witness", WITNESSES, rows))
    return "\n\n".join(tables)


def _objects(
    scene: LabelledScene, instances: Instances, classes: Classes, min_points: int
) -> Iterator[tuple[str, Int64, int, float]]:
    """Name and voxels of each object, the segment that fits best, and its IoU."""
    segment, instance = labels_of_voxels(scene)
    masks = instances.masks
    for found in np.unique(instance[instance >= 0]):
        rows = np.flatnonzero(instance == found)
        name = classes.names[int(segment[rows[0]])]
        if name in classes.ignored or len(rows) < min_points:
            continue
        inside = masks.mask_of[instance[masks.rows] == found]
        shared = np.bincount(inside, minlength=len(masks))
        ious = shared / (masks.sizes + len(rows) - shared)
        best = int(ious.argmax()) if len(ious) else -1
        yield name, rows, best, float(ious[best]) if len(ious) else 0.0


@dataclass(frozen=True, eq=False)
class _Namer:
    """Ranks of the true names of one scene's objects."""

    scene: LabelledScene
    instances: Instances
    keyframes: list[Keyframe]
    encoders: Sequence[ImageEncoder]
    vocabulary: Vocabulary

    @cached_property
    def _floor(self) -> float | None:
        """Height of the scene's floor, map frame, metres."""
        return floor_of(self.scene.voxels)

    def ranks(self, name: str, rows: Int32 | Int64, segment: int) -> Iterator[tuple[str, int]]:
        """Rank of a name by each of WITNESSES; `segment` tells the model's embedding."""
        label = self.vocabulary.labels.index(name)
        known = [self._object(rows, segment)]
        found = (
            model_logits(known, self.vocabulary),
            picture_logits(known, self.vocabulary),
            label_logits(known, self.vocabulary, self._floor),
        )
        for witness, (logits,) in zip(WITNESSES, found, strict=True):
            # What is as likely comes before: a witness that knows nothing is not right by chance.
            yield witness, int(np.count_nonzero(logits >= logits[label])) - 1

    def _object(self, rows: Int32 | Int64, segment: int) -> MapObject:
        voxels = self.scene.voxels
        points = voxels.points[rows]
        box, centroid = voxel_box(points, voxels.grid)
        embeddings: Mapping[str, Embedding] = {}
        space, vectors = self.instances.embedding_space, self.instances.embeddings
        if space is not None and vectors is not None and segment >= 0:
            embeddings = {space: Embedding(vectors[segment], 1.0)}
        views = best_views(voxels.grid.map_from_local(points), self.keyframes)
        if views:
            for space, seen in encode_views(views, self.encoders).items():
                for view, vector in zip(views, seen, strict=True):
                    embeddings = with_view(embeddings, space, Embedding(vector, view.score))
        ids = voxels.element_ids[rows]
        return MapObject(1, ids, points, box, centroid, 1.0, 0, 0, embeddings=embeddings)
