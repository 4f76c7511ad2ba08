"""Post-processing of a mask network's queries to instances; shared by all learned segmenters.

`propose` scores the queries on the device and brings the masks worth a look to the CPU;
`filter_instances` splits masks, drops duplicates and ranks the rest. Between the two, proposals of
several views or blocks of a scene may be pooled.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, Int64, Scene, no_instances
from seg3d_ros.segmenters.masks.blocks import segment_blocks
from seg3d_ros.segmenters.masks.overlaps import mask_nms
from seg3d_ros.segmenters.masks.parts import split_parts
from seg3d_ros.segmenters.on_device import run_on_device
from seg3d_ros.segmenters.settings import MaskSettings

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

# Nothing published says which logit of a query means "object". The reference's one comment lists
# foreground first, and networks of this family (DETR, Mask2Former) put "no object" last: both
# say 0. `looks_inverted` notices when the weights disagree.
OBJECT_COLUMN = 0

_COARSE = 1.5  # times the network's voxels; above, surfaces have holes in its grid
_INVERSION_MARGIN = 0.05  # difference in mask quality that chance does not make


@dataclass(frozen=True, eq=False)
class Queries:
    """Output of a mask network for N points, on its device.

    Attributes:
        logits: (Q, 2) object or not, see `OBJECT_COLUMN`.
        masks: (N, Q) mask logits.
        embeddings: (Q, D) in a text space, of any length.
    """

    logits: Tensor
    masks: Tensor
    embeddings: Tensor


@dataclass(frozen=True, eq=False)
class QueryScores:
    """Scores of Q queries.

    Attributes:
        objectness: (Q,) probability that it is an object.
        quality: (Q,) mean probability of the points in its mask, 0 where there is none.
        sizes: (Q,) points in its mask.
        inside: (N, Q) bool, the masks.
    """

    objectness: Tensor
    quality: Tensor
    sizes: Tensor
    inside: Tensor

    @property
    def scores(self) -> Tensor:
        """(Q,) objectness times mask quality, as Mask2Former and Mask3D rank their instances."""
        return self.objectness * self.quality


def score_queries(queries: Queries, *, mask_threshold: float) -> QueryScores:
    """Probabilities, masks and their quality; computes where the queries are."""
    objectness = queries.logits.float().softmax(dim=1)[:, OBJECT_COLUMN]
    probabilities = queries.masks.float().sigmoid()
    inside = probabilities > mask_threshold
    sizes = inside.sum(dim=0)
    quality = (probabilities * inside).sum(dim=0) / sizes.clamp(min=1)
    return QueryScores(objectness, quality, sizes, inside)


def looks_inverted(scored: QueryScores) -> bool:
    """Whether the logits seem to mean the opposite of what `OBJECT_COLUMN` says.

    A trained network has far more queries than a scene has objects, and those that found nothing
    have vague or empty masks. So it looks inverted when most queries claim to be objects and
    those that do have the worse masks.
    """
    objects, others = scored.objectness, 1 - scored.objectness
    of_objects = (objects * scored.quality).sum() / objects.sum()
    of_others = (others * scored.quality).sum() / others.sum()
    most = objects.median() > 0.5
    return bool(most & (of_others > of_objects + _INVERSION_MARGIN))


def propose(
    queries: Queries, scored: QueryScores, settings: MaskSettings, *, space: str
) -> Instances:
    """Masks that are large and good enough, in the order of the queries, with unit embeddings.

    Queries with a number that is not finite are left out.

    Args:
        queries: of the network.
        scored: the same, scored.
        settings: thresholds.
        space: name of the space that the embeddings lie in.
    """
    scores = scored.scores
    kept = (scores >= settings.min_score) & (scored.sizes >= settings.min_mask_points)
    kept &= queries.embeddings.isfinite().all(dim=1)
    rows = kept.nonzero()[:, 0]
    embeddings = torch.nn.functional.normalize(queries.embeddings[rows].float(), dim=1)
    return Instances(
        Masks.of(scored.inside[:, rows].t().contiguous().cpu().numpy()),
        scores[rows].cpu().numpy(),
        embeddings.cpu().numpy(),
        space,
    )


def filter_instances(proposals: Instances, scene: Scene, settings: MaskSettings) -> Instances:
    """Take disconnected masks apart, drop small parts and duplicates, keep the best.

    Args:
        proposals: masks over the scene's points; may overlap and repeat.
        scene: where they are.
        settings: thresholds.

    Returns:
        Instances, best score first.
    """
    cells = max(1, round(settings.split_gap / scene.voxel_size))
    least = settings.min_mask_points
    if settings.split_gap:
        size = cells * scene.voxel_size
        proposals = split_parts(proposals, scene.points, cell=size, min_points=least)
    else:
        proposals = proposals.select(np.flatnonzero(proposals.masks.sizes >= least))
    best = mask_nms(proposals.masks, proposals.scores, iou=settings.nms_iou)
    return proposals.select(best[: settings.max_instances])


class BlockwiseSegmenter(ABC):
    """Instances of a scene of any size; a large one is put together from blocks.

    Threads: `segment` may be called from any thread, one at a time.

    Args:
        device: where the network runs.
        settings: size of the blocks, and which masks become instances.
        usual_points: points given to the network at once where the settings say nothing; blocks
            get smaller where memory does not suffice.
        voxel_size: edge of the network's voxels, metres; a map that is too coarse for them is
            warned of. None: any map will do.
    """

    name: str  # that it is registered under

    def __init__(
        self,
        device: torch.device,
        settings: MaskSettings,
        *,
        usual_points: int,
        voxel_size: float | None = None,
    ) -> None:
        self._device = device
        self._limit = settings.block_points or usual_points
        self._settings = settings
        self._voxel_size = voxel_size
        self._warned_coarse = False

    @property
    def device(self) -> str:
        """Device of the network."""
        return str(self._device)

    def segment(self, scene: Scene) -> Instances:
        """Instances, best score first.

        Raises:
            BlockTooLargeError: the device has not even memory for a small block.
            DeviceLostError: the GPU takes no more work from this process.
        """
        self._warn_if_coarse(scene)
        if not len(scene):
            return no_instances(0)

        def segment(rows: Int64) -> Instances:
            return run_on_device(
                self._device, lambda: self._propose(scene, rows), points=len(rows)
            )

        proposals, self._limit = segment_blocks(scene.points, segment, limit=self._limit)
        return filter_instances(proposals, scene, self._settings)

    def _warn_if_coarse(self, scene: Scene) -> None:
        wanted = self._voxel_size
        if wanted and scene.voxel_size > _COARSE * wanted and not self._warned_coarse:
            self._warned_coarse = True
            logger.warning(
                "voxels of %g m are too coarse for %s, which was trained with %g m: expect few "
                "and poor instances, or set map.voxel_size to %g",
                scene.voxel_size, self.name, wanted, wanted,
            )  # fmt: skip

    @abstractmethod
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        """Proposals for the points in these rows, masks over them; memory may run out."""


def joined(first: Instances, second: Instances) -> Instances:
    """Instances of both, over the same points, with embeddings of the same space."""
    assert first.embeddings is not None and second.embeddings is not None
    return replace(
        first,
        masks=Masks.concatenate([first.masks, second.masks]),
        scores=np.concatenate([first.scores, second.scores]),
        embeddings=np.concatenate([first.embeddings, second.embeddings]),
    )
