"""Settings of the engine as one tree: input, map, segmentation, models, words, tracking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seg3d_ros.imaging.settings import ImagingSettings
from seg3d_ros.mapping.keyframes.settings import ViewSettings
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.segmenters.settings import ModelSettings
from seg3d_ros.sensing.frame_filter import FrameFilter
from seg3d_ros.settings import check_settings, setting, with_values
from seg3d_ros.text.settings import TextSettings


@dataclass(frozen=True)
class SegmentationSettings:
    """Settings of the cutting of the map into instances."""

    model: str = setting("mini", "Segmenter that cuts the map into instances.")
    radius: float = setting(
        0.0,
        "Only voxels this near to the sensor are segmented, metres; 0: the whole map.",
        low=0.0,
        live=True,
    )
    period: float = setting(
        1.0, "Time between two segmentations, seconds.", low=0.05, high=3600.0, live=True
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class PromptSettings:
    """Settings of the answers to clicks."""

    model: str = setting(
        "auto",
        "Segmenter that answers clicks; auto: point_sam if its weights are here, else "
        "mini_clicks, and geometric where torch is not installed.",
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class PerceptionSettings:
    """Settings that shape the result; each group belongs to the component it is passed to."""

    input: FrameFilter = field(default_factory=FrameFilter)
    map: MapSettings = field(default_factory=MapSettings)
    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)
    prompt: PromptSettings = field(default_factory=PromptSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    text: TextSettings = field(default_factory=TextSettings)
    imaging: ImagingSettings = field(default_factory=ImagingSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    views: ViewSettings = field(default_factory=ViewSettings)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> PerceptionSettings:
        """Defaults but for some values by their dotted names, such as "map.voxel_size".

        Raises:
            SettingError: a value is not allowed, or no setting has the name.
        """
        return with_values(cls(), values)
