"""Settings of names from pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class ImagingSettings:
    """Settings of the image encoders."""

    encoder: str = setting(
        "auto",
        "Encoder of the pictures of objects; auto: efficientdet_lite0, and efficientnet_lite2 "
        "where its package is installed.",
        choices=("auto", "none", "efficientnet_lite2", "efficientdet_lite0", "siglip2", "clip"),
    )
    weights: str = setting(
        "", "Folder with its weights; empty: its package, or where a download puts them."
    )
    device: str = setting(
        "auto", "Where image encoders run: cpu, cuda or cuda:1; auto: a GPU if there is one."
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def folder(self) -> Path | None:
        """Folder of the weights; None where a download puts them."""
        return Path(self.weights).expanduser() if self.weights else None
