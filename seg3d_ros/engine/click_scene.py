"""One still scene and clicks on one object in it, without a map, ROS or a camera."""

from __future__ import annotations

from seg3d_ros.objects.object_map import ObjectMap
from seg3d_ros.pictures.export import FinerPoints
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.scene_file import PointCloud, voxelize_cloud
from seg3d_ros.scene import Bool, Float64
from seg3d_ros.segmenters.segmenter import PromptSegmenter
from seg3d_ros.timings import StageTimings


def click_scene(
    segmenter: PromptSegmenter,
    cloud: PointCloud,
    points: Float64,
    foreground: Bool,
    *,
    voxel_size: float,
    name: str = "",
) -> Results:
    """Segment the clicked object of a point cloud.

    Args:
        segmenter: answers the clicks.
        cloud: at least one point, z up.
        points: (K, 3) float64 clicks, in the frame of the file, metres, z up.
        foreground: (K,) True on the object, False off it.
        voxel_size: metres.
        name: what the object is called; empty: "object".

    Raises:
        NothingThereError: a foreground click is too far from every point.
        ValueError: the clicks contradict each other, or the name is no printable text.
    """
    timings = StageTimings()
    with timings.measure("voxelize"):
        scene, rows = voxelize_cloud(cloud, voxel_size)
    with timings.measure("prompt"):
        found = segmenter.segment_at(scene, scene.local(points), foreground)
    made = ObjectMap().add_prompted(scene, found.mask, name=name)
    report = {
        "model": segmenter.name,
        "points": len(cloud),
        "map_voxels": len(scene),
        "voxel_size": voxel_size,
        "clicks": len(points),
        "predicted_iou": found.predicted_iou,
        "stages": timings.as_dict(),
    }
    return Results(scene, [made], segmenter.name, report, FinerPoints(cloud.points, rows))
