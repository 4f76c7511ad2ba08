"""Overlaps of masks with the ground truth of a scene: point counts that outlive the scene.

Every labelled point belongs to one region: an instance of a class, or the points of a class that
belong to no instance. The other points are void. Void points, regions without an instance and
instances that are too small are ignored: they need not be found, and whoever finds them is not
blamed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Bool, Float32, Float64, Int64

NO_CLASS = -1
MIN_POINTS = 100  # ScanNet's, whose vertices are about 2 cm apart


@dataclass(frozen=True, eq=False)
class Regions:
    """Ground truth of N points: R regions, ordered by class, then by instance.

    Attributes:
        of_point: (N,) region of each point, R where it is void.
        classes: (R,) class.
        sizes: (R,) points.
        counted: (R,) False for those that are ignored.
    """

    of_point: Int64
    classes: Int64
    sizes: Int64
    counted: Bool


def true_regions(segment: Int64, instance: Int64, *, min_points: int = MIN_POINTS) -> Regions:
    """Regions of (N,) classes and (N,) instances, both negative where there is none.

    Args:
        segment: class of each point.
        instance: instance of each point; one whose points have several classes is several.
        min_points: smaller instances are ignored.
    """
    labelled = segment >= 0
    number = np.maximum(instance, -1).astype(np.int64) + 1  # 0: of no instance
    stride = number.max(initial=0) + 1
    keys, region, sizes = np.unique(
        segment[labelled] * stride + number[labelled], return_inverse=True, return_counts=True
    )
    of_point = np.full(len(segment), len(keys), np.int64)
    of_point[labelled] = region
    counted = (keys % stride > 0) & (sizes >= min_points)
    return Regions(of_point, keys // stride, sizes, counted)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Overlaps of M predictions of a scene with its R regions.

    Attributes:
        scores: (M,) float32 confidence.
        classes: (M,) predicted class, NO_CLASS for none of those evaluated.
        sizes: (M,) points.
        void: (M,) how many of these are void.
        shared: (M, R) points in common with each region.
        region_classes: (R,) class.
        region_sizes: (R,) points.
        counted: (R,) False for regions that are ignored.
    """

    scores: Float32
    classes: Int64
    sizes: Int64
    void: Int64
    shared: Int64
    region_classes: Int64
    region_sizes: Int64
    counted: Bool

    @property
    def ious(self) -> Float64:
        """(M, R) intersection over union."""
        return self.shared / (self.sizes[:, None] + self.region_sizes - self.shared)

    @property
    def best_ious(self) -> Float64:
        """(G,) IoU of each counted region with the mask that fits it best, whatever its class."""
        return self.ious[:, self.counted].max(axis=0, initial=0.0)

    def without_classes(self) -> Overlaps:
        """Copy with all classes merged into class 0."""
        return replace(
            self,
            classes=np.zeros_like(self.classes),
            region_classes=np.zeros_like(self.region_classes),
        )


def overlaps_of(masks: Masks, scores: Float32, classes: Int64, regions: Regions) -> Overlaps:
    """Compare M masks of (M,) scores and classes with the regions of the same N points."""
    count = len(regions.sizes)
    shared = np.zeros((len(masks), count + 1), np.int64)
    for mask, rows in enumerate(masks.rows_of_each()):
        shared[mask] = np.bincount(regions.of_point[rows], minlength=count + 1)
    return Overlaps(
        scores=scores,
        classes=classes,
        sizes=shared.sum(axis=1),
        void=shared[:, count],
        shared=shared[:, :count],
        region_classes=regions.classes,
        region_sizes=regions.sizes,
        counted=regions.counted,
    )
