"""Choice among masks: the one that most others agree with."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Bool, Float32, Float64


def most_agreed(masks: Bool, weights: Float64) -> int:
    """Row of the mask with the largest expected IoU, if one of the masks is the truth.

    That is the decision of least Bayes risk (Kumar and Byrne, "Minimum Bayes-risk decoding for
    statistical machine translation", 2004) with one minus the IoU as the loss.

    Args:
        masks: (M, N), at least one.
        weights: (M,) how likely each is.
    """
    members: Float32 = masks[:, masks.any(axis=0)].astype(np.float32)
    sizes = members.sum(axis=1)
    both = members @ members.T
    ious = both / np.maximum(sizes[:, None] + sizes - both, 1)
    return int((ious @ weights).argmax())
