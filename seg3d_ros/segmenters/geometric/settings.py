"""Settings of the geometric segmenter."""

from __future__ import annotations

from dataclasses import dataclass

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class GeometricSettings:
    """Thresholds of planes and objects in the geometric segmenter."""

    plane_area: float = setting(
        0.5, "Smallest flat surface that is removed as floor, wall or table top, m².", low=0.01
    )
    plane_thickness: float = setting(
        1.5, "Distance from a plane within which voxels belong to it, voxels.", low=0.5, high=5.0
    )
    concavity: float = setting(
        20.0, "Inward fold that is still one object, degrees.", low=0.0, high=90.0
    )
    min_voxels: int = setting(40, "Smaller objects are dropped, voxels.", low=5)
    min_extent: float = setting(0.03, "Shorter objects are dropped, metres.", low=0.0)
    max_extent: float = setting(3.0, "Longer ones are parts of the room, metres.", low=0.1)
    max_instances: int = setting(200, "Best-scored instances that are kept.", low=1, high=2000)

    def __post_init__(self) -> None:
        check_settings(self)
