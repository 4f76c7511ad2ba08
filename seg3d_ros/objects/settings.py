"""Settings of the object map."""

from __future__ import annotations

from dataclasses import dataclass

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class TrackingSettings:
    """Settings of tracking: the start, match and end of objects."""

    confirm_views: int = setting(
        2, "Segmentations that must show an object before it is known.", low=1, high=100, live=True
    )
    confirm_score: float = setting(
        0.5,
        "Mean score that segments must have to become an object; less what few voxels leave open.",
        low=0.0,
        high=1.0,
        live=True,
    )
    sure_score: float = setting(
        0.7,
        "Score, counted the same way, from which on one segmentation is enough; "
        "a piece within a larger object of its colour needs it.",
        low=0.0,
        high=1.0,
        live=True,
    )
    merge_views: int = setting(
        3,
        "Successive segmentations that must show two known objects as one before they merge.",
        low=1,
        high=100,
        live=True,
    )
    forget_after: float = setting(
        10.0,
        "Seconds that a known object may go unsegmented while its place is in the scene.",
        low=0.0,
        high=1e6,
        live=True,
    )
    max_objects: int = setting(
        2000,
        "Largest number of objects; the longest unseen go first.",
        low=1,
        high=100_000,
        live=True,
    )
    min_object_voxels: int = setting(
        10, "Segments and objects with fewer voxels are dropped.", low=1, high=1_000_000, live=True
    )
    match_iou: float = setting(
        0.25,
        "Overlap (intersection over union) that a segment must have with a known object to be it.",
        low=0.01,
        high=1.0,
        live=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def passes_to_settle(self) -> int:
        """Segmentations of a map that stands still, after which nothing changes any more."""
        return max(self.confirm_views, self.merge_views)
