"""Settings of the map."""

from __future__ import annotations

from dataclasses import dataclass

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class MapSettings:
    """Settings of the voxel map."""

    voxel_size: float = setting(0.02, "Edge of a voxel, metres.", low=0.001, high=1.0)
    max_voxels: int = setting(
        2_000_000,
        "Voxels kept at most, about 80 bytes each; the longest unseen go first.",
        low=1_000,
        high=200_000_000,
    )
    max_weight: float = setting(
        100.0,
        "Observations a voxel's mean remembers; fewer follow a change faster.",
        low=1.0,
        high=1e6,
    )
    carve_free_space: bool = setting(
        True,
        "Forget voxels that a newer depth view looks through (organised clouds and depth images).",
        live=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
