"""Settings of each model; importing them imports no network.

A model has the settings that it reads, and no others. Those that several read come from a common
base.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seg3d_ros.segmenters.geometric.settings import GeometricSettings
from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of any network: weights, device, precision."""

    checkpoint: str = setting(
        "",
        "File with the weights; empty: those of the package, or where seg3d download puts them.",
    )
    device: str = setting(
        "auto", "Where the network runs: cpu, cuda or cuda:1; auto: a GPU if there is one."
    )
    precision: str = setting(
        "auto",
        "Numbers that the network computes with; auto: fp16 on a GPU, else fp32.",
        choices=("auto", "fp32", "fp16", "bf16"),
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class MaskSettings(NetworkSettings):
    """Settings of a network that proposes masks, and of the way from these to instances."""

    block_points: int = setting(
        0,
        "Points given to the network at once; larger scenes are cut into overlapping blocks; "
        "0: as many as usually fit.",
        low=0,
        high=100_000_000,
    )
    min_score: float = setting(
        0.25, "Instances with a lower score are dropped.", low=0.0, high=1.0
    )
    mask_threshold: float = setting(
        0.5, "Probability from which on a point belongs to a mask.", low=0.01, high=0.99
    )
    min_mask_points: int = setting(
        30, "Masks with fewer points are dropped.", low=1, high=1_000_000
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
    max_instances: int = setting(500, "Best-scored instances that are kept.", low=1, high=10_000)


@dataclass(frozen=True)
class MiniSettings(MaskSettings):
    """Settings of mini."""

    augmented_views: int = setting(
        1,
        "Sides from which the scene is looked at, whose features are averaged: quarter turns, "
        "then the same mirrored.",
        low=1,
        high=8,
    )


@dataclass(frozen=True)
class SpaceformerSettings(MaskSettings):
    """Settings of spaceformer."""

    engine: str = setting(
        "auto",
        "What computes it; auto: warpconvnet on a GPU if it is installed, else torch.",
        choices=("auto", "torch", "warpconvnet"),
    )
    augmented_views: int = setting(
        1,
        "Sides from which the scene is looked at, of whose instances the best are kept: quarter "
        "turns, then the same mirrored.",
        low=1,
        high=8,
    )


@dataclass(frozen=True)
class LassmSettings(MaskSettings):
    """Settings of lassm."""

    variant: str = setting(
        "scannet",
        "Released model, by the data it was trained on: 18, 198 or 84 classes.",
        choices=("scannet", "scannet200", "scannetpp"),
    )
    mask_threshold: float = setting(
        0.4, "Probability from which on a superpoint belongs to a mask.", low=0.01, high=0.99
    )


@dataclass(frozen=True)
class XMask3DSettings(NetworkSettings):
    """Settings of xmask3d."""

    form: str = setting(
        "3d",
        "What is computed of a keyframe; 3d: its points alone, for CPUs; full: its picture as "
        "well, through Stable Diffusion and CLIP.",
        choices=("3d", "full"),
    )
    partition: str = setting(
        "b15n4",
        "Released model, by its numbers of base and of novel classes.",
        choices=("b15n4", "b12n7", "b10n9", "b170n30", "b150n50"),
    )
    base_labels: tuple[str, ...] = setting(
        (),
        "Labels that count as seen in training, all others as novel; empty: the base classes of "
        "the partition.",
        items=str,
    )
    proposals: str = setting(
        "mini",
        "Masks that become instances; mini, geometric, or superpoints.",
        choices=("mini", "geometric", "superpoints"),
    )
    diffusion: str = setting(
        "",
        "Stable Diffusion 1.3: sd-v1-3.ckpt or a folder of diffusers; empty: where seg3d "
        "download puts it.",
    )
    clip: str = setting(
        "",
        "CLIP ViT-L/14 of the full form: a folder as the hub has it, or OpenAI's ViT-L-14.pt; "
        "empty: the hub's cache.",
    )
    keyframes_at_once: int = setting(
        1,
        "Keyframes computed in one segmentation at most, the others in the next ones; 0: all.",
        low=0,
        high=10_000,
    )
    turn_seed: int = setting(
        -1,
        "Seed of the random turn and scale that each keyframe is seen in, as the authors "
        "evaluated; -1: none.",
        low=-1,
        high=2**31 - 1,
    )


@dataclass(frozen=True)
class MaskFormerSettings(MaskSettings):
    """Settings of maskformer."""

    checkpoint: str = setting("", "The checkpoint.pt that seg3d train writes.")


@dataclass(frozen=True)
class PointSamSettings(NetworkSettings):
    """Settings of point_sam and point_sam_mini."""


@dataclass(frozen=True)
class MiniClicksSettings(NetworkSettings):
    """Settings of mini_clicks; device and precision are those of its first mask, too."""


@dataclass(frozen=True)
class ModelSettings:
    """Settings of all models, by name."""

    mini: MiniSettings = field(default_factory=MiniSettings)
    geometric: GeometricSettings = field(default_factory=GeometricSettings)
    spaceformer: SpaceformerSettings = field(default_factory=SpaceformerSettings)
    lassm: LassmSettings = field(default_factory=LassmSettings)
    xmask3d: XMask3DSettings = field(default_factory=XMask3DSettings)
    maskformer: MaskFormerSettings = field(default_factory=MaskFormerSettings)
    point_sam: PointSamSettings = field(default_factory=PointSamSettings)
    point_sam_mini: PointSamSettings = field(default_factory=PointSamSettings)
    mini_clicks: MiniClicksSettings = field(default_factory=MiniClicksSettings)
