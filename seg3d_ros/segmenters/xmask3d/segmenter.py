"""The xmask3d segmenter: open-vocabulary labels of points from keyframes, with XMask3D.

Each keyframe is computed once, and votes for the elements of the map that it sees. Instances are
the masks of a class-agnostic segmenter, each with the mean feature of its elements.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from seg3d_ros.compute import Compute, full_precision
from seg3d_ros.distinct import distinct
from seg3d_ros.mapping.keyframes.keyframe import ViewKey, view_keys
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.network import FrozenNetworks, XMask3D
from seg3d_ros.networks.xmask3d.point_branch import CLIP_WIDTH, PointBranch
from seg3d_ros.networks.xmask3d.point_labels import label_features
from seg3d_ros.networks.xmask3d.view_input import ViewInput, prepare_view
from seg3d_ros.networks.xmask3d.voxels import PointVoxels, random_turn, voxelize_points
from seg3d_ros.scene import Float32, Instances, Int64, Scene, View
from seg3d_ros.segmenters.masks.blocks import cut_blocks
from seg3d_ros.segmenters.on_device import run_on_device
from seg3d_ros.segmenters.segmenter import SemanticLabels
from seg3d_ros.segmenters.settings import XMask3DSettings
from seg3d_ros.segmenters.xmask3d.element_votes import ElementVotes, SeenElements
from seg3d_ros.segmenters.xmask3d.proposals import MaskProposals
from seg3d_ros.text.clip import CLIP_SPACE

logger = logging.getLogger(__name__)

_BLOCK_POINTS = 65_000  # the network was trained on views with at most so many
_SPARE_ELEMENTS = 200_000  # remembered beyond those of the scene


@dataclass(frozen=True, eq=False)
class NamedClasses:
    """Classes that points are labelled with.

    Attributes:
        names: of them.
        open: their embeddings, and which of them were seen in training.
    """

    names: tuple[str, ...]
    open: OpenClasses


@dataclass(frozen=True, eq=False)
class _Vote:
    """Opinion of one view.

    Attributes:
        rows: (P,) int64 of the scene.
        labels: (P,) int64 classes.
        features: (P, D) unit vectors.
    """

    rows: Int64
    labels: Int64
    features: Float32


class XMask3DSegmenter:
    """Labels of points, and instances with embeddings in the space of CLIP.

    Threads: `segment` and `label` may be called from any thread, one at a time; `waiting` beside.

    Args:
        network: `XMask3D` with the frozen networks, or its point branch without them.
        frozen: of the full form; None: points alone.
        classes: that the points are labelled with.
        proposals: masks that become instances.
        compute: where it runs, and in which precision.
        settings: number of keyframes at once, random turns.
    """

    name = "xmask3d"
    embedding_space = CLIP_SPACE

    def __init__(
        self,
        network: PointBranch,
        frozen: FrozenNetworks | None,
        classes: NamedClasses,
        proposals: MaskProposals,
        *,
        compute: Compute,
        settings: XMask3DSettings,
    ) -> None:
        self._network = network.to(compute.device).eval()
        self._frozen = None if frozen is None else frozen.to(compute.device)
        self._names, self._classes = classes.names, classes.open.to(compute.device)
        self._proposals = proposals
        self._compute = compute
        self._settings = settings
        self._votes = ElementVotes(len(classes.names), CLIP_WIDTH)
        self._done: set[ViewKey] = set()
        self._last: tuple[Scene, ElementVotes, SeenElements] | None = None

    @property
    def device(self) -> str:
        """Device it computes on."""
        return str(self._compute.device)

    def label(self, scene: Scene) -> SemanticLabels:
        """Classes of the points, by the votes of all views of the scene up to now.

        A scene without views is labelled by its points; in the full form not at all.

        Raises:
            BlockTooLargeError: the memory of the device does not suffice.
            DeviceLostError: the GPU takes no more work from this process.
        """
        _, seen = self._look(scene)
        return SemanticLabels(seen.labels, self._names, self.waiting(scene.views))

    def segment(self, scene: Scene) -> Instances:
        """Masks of the proposals in which anything was seen; raises as `label` does."""
        votes, seen = self._look(scene)
        found = self._proposals(scene)
        known = distinct(found.masks.mask_of[seen.rows[found.masks.rows] >= 0])
        masks = found.masks.select(known)
        embeddings = np.zeros((len(known), CLIP_WIDTH), np.float32)
        for embedding, rows in zip(embeddings, masks.rows_of_each(), strict=True):
            inside = rows[seen.seen[rows]]
            embedding[:] = votes.mean_features(seen.rows[inside if len(inside) else rows])
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        unit = embeddings / np.maximum(lengths, 1e-12)
        return Instances(masks, found.scores[known], unit, CLIP_SPACE)

    def waiting(self, views: Sequence[View]) -> int:
        """Number of views that are not computed yet; may be called from any thread."""
        return sum(key not in self._done for key in view_keys(views))

    def _look(self, scene: Scene) -> tuple[ElementVotes, SeenElements]:
        """Votes, those of new views included; asked again about the same scene, the same."""
        if self._last is None or self._last[0] is not scene:
            seen_whole = scene.whole or scene
            votes = (
                self._votes_of_views(seen_whole) if len(scene.views) else self._still_votes(scene)
            )
            self._last = scene, votes, votes.look_up(scene)
        return self._last[1:]

    def _votes_of_views(self, scene: Scene) -> ElementVotes:
        """Votes of all views that were computed, those of this call included."""
        for place, key in self._new_views(scene):
            vote = self._vote_of_view(scene, scene.views[place], key)
            if vote is not None:
                self._votes.add(scene.element_ids[vote.rows], vote.labels, vote.features)
            self._done.add(key)
        if len(self._votes) > 2 * len(scene) + _SPARE_ELEMENTS:
            self._votes.keep(scene.element_ids)
        return self._votes

    def _still_votes(self, scene: Scene) -> ElementVotes:
        """Votes for a scene without views."""
        votes = ElementVotes(len(self._names), CLIP_WIDTH)
        for vote in self._votes_of_blocks(scene):
            votes.add(scene.element_ids[vote.rows], vote.labels, vote.features)
        return votes

    def _new_views(self, scene: Scene) -> list[tuple[int, ViewKey]]:
        """Places and keys of views to be computed now, oldest first."""
        keys = view_keys(scene.views)
        self._done.intersection_update(keys)  # the others were dropped from the map
        if not self._done:  # of another map, whose elements may have the ids of other ones
            self._votes = ElementVotes(len(self._names), CLIP_WIDTH)
        new = [(place, key) for place, key in enumerate(keys) if key not in self._done]
        return new[: self._settings.keyframes_at_once or None]

    def _vote_of_view(self, scene: Scene, view: View, key: ViewKey) -> _Vote | None:
        turn = None
        if self._settings.turn_seed >= 0:
            turn = random_turn(np.random.default_rng([self._settings.turn_seed, key[0]]))
        given = prepare_view(scene, view, turn)
        if given is None:
            return None
        return self._run(given.points, lambda: self._label_view(given))

    def _votes_of_blocks(self, scene: Scene) -> Iterator[_Vote]:
        """Opinions of the point branch on a scene of which there are no views."""
        if self._frozen is not None:
            logger.warning(
                "xmask3d in its full form looks at keyframes, and there are none (yet): nothing "
                "is labelled; model.xmask3d.form 3d needs none"
            )
            return
        for rows in cut_blocks(scene.points, limit=_BLOCK_POINTS) if len(scene) else ():
            points, colors = scene.points[rows], 2 * scene.colors[rows] - 1
            yield self._run(rows, partial(self._label_points, voxelize_points(points, colors)))

    def _run(self, rows: Int64, network: Callable[[], tuple[Tensor, Tensor]]) -> _Vote:
        labels, features = run_on_device(
            self._compute.device,
            lambda: self._compute.run(network, checked=lambda out: out[1], name=self.name),
            points=len(rows),
        )
        unit = normalize(features.float(), dim=1)
        return _Vote(rows, labels.cpu().numpy(), unit.cpu().numpy())

    @torch.inference_mode()
    def _label_view(self, view: ViewInput) -> tuple[Tensor, Tensor]:
        """(P,) labels and (P, D) features of what a view sees."""
        given = view.to(self._compute.device)
        if self._frozen is None or not isinstance(self._network, XMask3D):
            return self._label_points(given.voxels)
        found = self._network.label_view(given, self._frozen, self._classes)
        return found.labels, found.fused.features

    @torch.inference_mode()
    def _label_points(self, voxels: PointVoxels) -> tuple[Tensor, Tensor]:
        """(P,) labels and (P, D) features by the point branch."""
        found = self._network.points(voxels.to(self._compute.device))
        with full_precision(self._compute.device):
            labels = label_features(found.features, found.is_base, self._classes, 1.0)
        return labels, found.features
