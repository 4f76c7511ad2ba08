"""From the last reading of the queries to scored instances, on superpoints."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seg3d_ros.networks.lassm.heads import Heads

MASK_THRESHOLD = 0.4  # of the probability of a superpoint; scores count those above one half


@dataclass(frozen=True, eq=False)
class SuperpointInstances:
    """K instances, best score first.

    Attributes:
        scores: (K,) in [0, 1].
        classes: (K,) int64.
        queries: (K,) int64 query that each comes from; one may come under several classes.
        masks: (K, S) bool.
    """

    scores: Tensor
    classes: Tensor
    queries: Tensor
    masks: Tensor


def find_instances(
    heads: Heads,
    sizes: Tensor,
    *,
    top_k: int,
    min_points: int = 101,
    min_score: float = 0.0,
    mask_threshold: float = MASK_THRESHOLD,
) -> SuperpointInstances:
    """Best pairs of query and class, with duplicates scored down.

    Args:
        heads: the last reading of the queries.
        sizes: (S,) points of each superpoint.
        top_k: pairs that are looked at.
        min_points: instances with fewer points are dropped.
        min_score: instances whose score is not above are dropped.
        mask_threshold: probability above which a superpoint is in a mask.
    """
    of_class = heads.labels.float().softmax(1)[:, :-1]
    best, flat = of_class.flatten().topk(min(top_k, of_class.numel()))
    queries, classes = flat // of_class.shape[1], flat % of_class.shape[1]
    soft = heads.masks.float().sigmoid()
    scores = best * _mask_scores(heads.masks, soft)[queries]
    order = scores.argsort(descending=True, stable=True)
    scores, queries, classes = scores[order], queries[order], classes[order]
    scores = matrix_nms(soft[queries], classes, scores)
    masks = (soft > mask_threshold)[queries]
    kept = (scores > min_score) & (masks.float() @ sizes.float() >= min_points)
    rows = kept.nonzero()[:, 0]
    rows = rows[scores[rows].argsort(descending=True, stable=True)]
    return SuperpointInstances(scores[rows], classes[rows], queries[rows], masks[rows])


def _mask_scores(logits: Tensor, soft: Tensor) -> Tensor:
    """(Q,) mean probability of the superpoints inside each mask."""
    inside = (logits > 0).float()
    return (soft * inside).sum(1) / (inside.sum(1) + 1e-6)


def matrix_nms(masks: Tensor, classes: Tensor, scores: Tensor) -> Tensor:
    """Scores after matrix non-maximum suppression with a linear kernel.

    Wang et al., "SOLOv2: Dynamic and Fast Instance Segmentation" (2020), section 3.2.3.

    Args:
        masks: (K, S) probabilities.
        classes: (K,) only masks of one class suppress each other.
        scores: (K,) in falling order.

    Returns:
        (K,) zero for exact repetitions.
    """
    both = masks @ masks.t()
    areas = masks.sum(1)
    iou = both / (areas[:, None] + areas - both).clamp_min(1e-12)
    iou = (iou * (classes[:, None] == classes)).triu(1)  # with the better ones
    compensation = iou.amax(0)[:, None]
    decay = ((1 - iou) / (1 - compensation)).nan_to_num(0.0).amin(0)
    return scores * decay
