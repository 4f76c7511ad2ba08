"""Settings of keyframes."""

from __future__ import annotations

from dataclasses import dataclass

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class ViewSettings:
    """Settings of the pictures that the map keeps."""

    memory: int = setting(
        256,
        "Memory of the pictures that the map keeps (keyframes), MB, about 0.15 each; the least "
        "useful go first; 0: none are kept.",
        low=0,
        high=65_536,
        live=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
