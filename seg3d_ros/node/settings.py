"""The node's own settings; those of the perception come from its dataclasses."""

from __future__ import annotations

from dataclasses import dataclass

from seg3d_ros.errors import InputError
from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class NodeSettings:
    """Settings of the node: inputs, period of segmentation, start."""

    point_cloud_topics: tuple[str, ...] = setting(
        ("points",), "Topics with sensor_msgs/PointCloud2; relative names can be remapped."
    )
    cameras: tuple[str, ...] = setting(
        (),
        "Cameras; each has the topics NAME/color, NAME/depth and NAME/camera_info; where depth is "
        "not registered to colour, NAME/depth/camera_info as well.",
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
    fixed_frame: str = setting(
        "map", "Frame of the map: map (may jump) or odom (drifts but is smooth), see REP-105."
    )
    tf_timeout: float = setting(
        0.5,
        "A frame waits this long for its transform, then it is dropped; a request takes the "
        "newest transform instead; seconds.",
        low=0.0,
        high=60.0,
        live=True,
    )
    segment_period: float = setting(
        1.0, "Time between two segmentations, seconds.", low=0.05, high=3600.0, live=True
    )
    clear_on_time_jump: bool = setting(
        False, "Forget map and objects when time goes back (a bag that loops).", live=True
    )
    vocabulary: tuple[str, ...] = setting(
        (), "Labels at start, synonyms joined by a vertical bar; empty: the household list."
    )
    map_file: str = setting("", "Map to load at activation; empty: start with an empty map.")
    autostart: bool = setting(True, "Configure and activate without a lifecycle manager.")

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.fixed_frame:
            raise InputError("fixed_frame is empty; use for example map or odom")
