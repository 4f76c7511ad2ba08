"""Instance of each point, from the output of any network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from torch import Tensor

from seg3d_ros.networks.maskformer.network import (
    MaskFormerOutput,
    claim_points,
    class_probabilities,
    decode_instances,
)
from seg3d_ros.networks.mini.network import MiniOutput


@dataclass(frozen=True, eq=False)
class PointInstances:
    """Instances of a scene of N points.

    Attributes:
        ids: (N,) int64 instance of each point, -1 for none.
        names: what the instances are called, by their ids; empty where nobody knows.
    """

    ids: Tensor
    names: Sequence[str] = ()


@singledispatch
def point_instances(
    output: object, *, score_thresh: float, mask_thresh: float, class_names: Sequence[str] = ()
) -> PointInstances:
    """Decode the first scene of a batch; networks register how with `point_instances.register`.

    Args:
        output: of a network, for a batch.
        score_thresh: score that a query needs more than to be an instance.
        mask_thresh: mask logit that a point needs more than to belong to it.
        class_names: names of the classes, if known.

    Raises:
        TypeError: nobody has registered how to decode this kind of output.
    """
    raise TypeError(f"nobody has said how to turn {type(output).__name__} into instances")


@point_instances.register
def _(
    output: MaskFormerOutput,
    *,
    score_thresh: float,
    mask_thresh: float,
    class_names: Sequence[str] = (),
) -> PointInstances:
    logits, masks = output.logits[0], output.masks[0]
    ids = decode_instances(logits, masks, min_score=score_thresh, mask_threshold=mask_thresh)
    classes = class_probabilities(logits).argmax(dim=1).tolist()
    return PointInstances(ids, [class_names[i] for i in classes] if class_names else ())


@point_instances.register
def _(
    output: MiniOutput,
    *,
    score_thresh: float,
    mask_thresh: float,
    class_names: Sequence[str] = (),
) -> PointInstances:
    masks = output.masks[0]
    rows = output.rows[output.rows < masks.shape[1]]  # those of the first scene come first
    if not len(masks):
        return PointInstances(rows.new_full((len(rows),), -1))
    scores = output.queries[0].quality.sigmoid()
    ids = claim_points(scores, masks, min_score=score_thresh, mask_threshold=mask_thresh)
    return PointInstances(ids[rows])
