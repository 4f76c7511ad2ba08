"""Settings that all learned segmenters share; importing them imports no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of a network: weights, device, precision."""

    checkpoint: str = setting(
        "",
        "File with the weights of a learned model; empty: those of the package, or where "
        "seg3d download puts them.",
    )
    prompt_checkpoint: str = setting("", "The same for the learned model that answers clicks.")
    text_weights: str = setting(
        "", "Folder with the weights of the text encoder; empty: where a download puts them."
    )
    text_student: str = setting(
        "",
        "Multilingual encoder that imitates the model's own text encoder: a folder, or a model in "
        "the hub's cache; empty: none.",
    )
    device: str = setting(
        "auto", "Where learned models run: cpu, cuda or cuda:1; auto: a GPU if there is one."
    )
    engine: str = setting(
        "auto",
        "What computes spaceformer; auto: warpconvnet on a GPU if it is installed, else torch.",
        choices=("auto", "torch", "warpconvnet"),
    )
    precision: str = setting(
        "auto",
        "Numbers that networks compute with; auto: fp16 on a GPU, else fp32.",
        choices=("auto", "fp32", "fp16", "bf16"),
    )
    block_points: int = setting(
        0,
        "Points given to a network at once; larger scenes are cut into overlapping blocks; "
        "0: as many as usually fit.",
        low=0,
        high=100_000_000,
    )
    augmented_views: int = setting(
        1,
        "Sides from which mini and spaceformer look at the scene: quarter turns, then the same "
        "mirrored; mini averages what it sees, of spaceformer's instances the best are kept.",
        low=1,
        high=8,
    )

    lassm_variant: str = setting(
        "scannet",
        "Released model of lassm, by the data it was trained on: 18, 198 or 84 classes.",
        choices=("scannet", "scannet200", "scannetpp"),
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def text_folder(self) -> Path | None:
        """Folder of `text_weights`; None where a download puts them."""
        return Path(self.text_weights).expanduser() if self.text_weights else None


@dataclass(frozen=True)
class PostprocessSettings:
    """Settings of the way from a network's raw masks to instances."""

    min_score: float = setting(
        0.25, "Instances of learned models with a lower score are dropped.", low=0.0, high=1.0
    )
    mask_threshold: float = setting(
        0.5, "Probability from which on a point belongs to a mask.", low=0.01, high=0.99
    )
    min_mask_points: int = setting(
        30, "Masks of learned models with fewer points are dropped.", low=1, high=1_000_000
    )
    split_gap: float = setting(
        0.5,
        "Parts of a mask that are this far apart become instances of their own, metres; "
        "0: masks stay whole.",
        low=0.0,
        high=100.0,
    )
    nms_iou: float = setting(
        0.5,
        "Of masks that overlap more (intersection over union), only the best is kept.",
        low=0.0,
        high=1.0,
    )
    max_instances: int = setting(
        500, "Best-scored instances of a learned model that are kept.", low=1, high=10_000
    )

    def __post_init__(self) -> None:
        check_settings(self)
