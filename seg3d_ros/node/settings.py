"""Settings of the node: those of the engine, and its own beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

from seg3d_ros.sensing.frame_filter import FrameFilter
from seg3d_ros.settings import SettingError, check_settings, setting
from seg3d_ros.viewer.settings import ViewedSettings


@dataclass(frozen=True)
class InputSettings(FrameFilter):
    """Topics, and what of their points reaches the map."""

    point_cloud_topics: tuple[str, ...] = setting(
        ("points",),
        "Topics with sensor_msgs/PointCloud2; relative names can be remapped.",
        items=str,
    )
    cameras: tuple[str, ...] = setting(
        (),
        "Cameras; each has the topics NAME/color, NAME/depth and NAME/camera_info; where depth is "
        "not registered to colour, NAME/depth/camera_info as well.",
        items=str,
    )
    compressed_color: bool = setting(
        False, "Read NAME/color/compressed (CompressedImage) in place of NAME/color."
    )
    compressed_depth: bool = setting(
        False, "Read NAME/depth/compressedDepth (CompressedImage) in place of NAME/depth."
    )
    sync_slop: float = setting(
        0.02,
        "Colour and depth with different stamps are paired up to this far apart, seconds.",
        low=0.0,
        high=1.0,
    )
    tf_timeout: float = setting(
        0.5,
        "A frame waits this long for its transform, then it is dropped; a request takes the "
        "newest transform instead; seconds.",
        low=0.0,
        high=60.0,
        live=True,
    )


@dataclass(frozen=True)
class NodeSettings:
    """Settings of the node itself: frame, start."""

    fixed_frame: str = setting(
        "map", "Frame of the map: map (may jump) or odom (drifts but is smooth), see REP-105."
    )
    map_file: str = setting("", "Map to load at activation; empty: start with an empty map.")
    clear_on_time_jump: bool = setting(
        False, "Forget map and objects when time goes back (a bag that loops).", live=True
    )
    autostart: bool = setting(True, "Configure and activate without a lifecycle manager.")

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.fixed_frame:
            raise SettingError("fixed_frame", "is empty; use for example map or odom")


@dataclass(frozen=True)
class AllSettings(ViewedSettings):
    """All settings of the node; the dotted names are those of its parameters."""

    input: InputSettings = field(default_factory=InputSettings)
    node: NodeSettings = field(default_factory=NodeSettings)
