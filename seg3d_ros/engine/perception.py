"""Settings of map, models and tracking."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from seg3d_ros.mapping.voxel_map import MapSettings
from seg3d_ros.objects.object_map import TrackingSettings
from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
from seg3d_ros.sensing.frame_filter import FrameFilter
from seg3d_ros.settings import check_settings, replace_settings, setting


@dataclass(frozen=True)
class PerceptionSettings:
    """Settings that shape the result; sections belong to the component they are passed to."""

    model: str = setting("mini", "Segmenter that cuts the map into instances.")
    prompt_model: str = setting(
        "auto",
        "Segmenter that answers clicks; auto: point_sam if its weights are here, else "
        "point_sam_mini, and geometric where torch is not installed.",
    )
    segment_radius: float = setting(
        0.0,
        "Only voxels this near to the sensor are segmented, metres; 0: the whole map.",
        low=0.0,
        live=True,
    )
    filter: FrameFilter = field(default_factory=FrameFilter)
    map: MapSettings = field(default_factory=MapSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    postprocess: PostprocessSettings = field(default_factory=PostprocessSettings)

    def __post_init__(self) -> None:
        check_settings(self)

    def sections(self) -> tuple[Any, ...]:
        """Every dataclass that holds settings; their names do not collide."""
        return (self, self.network, self.postprocess, self.map, self.filter, self.tracking)

    def with_values(self, values: dict[str, Any]) -> PerceptionSettings:
        """Copy with those of the values that are settings of any section.

        Raises:
            InputError: a value is not allowed; names the setting and what is.
        """
        sections = replace(
            self,
            map=replace_settings(self.map, values),
            filter=replace_settings(self.filter, values),
            tracking=replace_settings(self.tracking, values),
            network=replace_settings(self.network, values),
            postprocess=replace_settings(self.postprocess, values),
        )
        return replace_settings(sections, values)
