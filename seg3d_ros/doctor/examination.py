"""All checks over the evidence, in the order in which troubles are to be mended."""

from __future__ import annotations

from seg3d_ros.doctor.axis_checks import check_cloud_axes, check_depth_axes
from seg3d_ros.doctor.camera_checks import check_camera
from seg3d_ros.doctor.clock_checks import check_clock
from seg3d_ros.doctor.evidence import Evidence, Stream
from seg3d_ros.doctor.finding import Finding, Findings
from seg3d_ros.doctor.middleware_checks import check_middleware
from seg3d_ros.doctor.stream_checks import check_stream
from seg3d_ros.doctor.transform_checks import check_pose, check_tree
from seg3d_ros.errors import InputError
from seg3d_ros.recordings.bag_topics import CAMERA_INFO, CameraTopics
from seg3d_ros.sensing.cloud_decoder import NO_COLORS, decode_cloud_message

_ORDER = {"error": 0, "warning": 1, "note": 2}
NO_SOURCE = (
    "nothing publishes a sensor_msgs/PointCloud2 or a depth image (a sensor_msgs/Image with "
    '"depth" in its name)'
)


def examine(evidence: Evidence) -> list[Finding]:
    """Findings, the worst first, each once."""
    found = [*check_clock(evidence), *_check_sources(evidence), *check_tree(evidence)]
    found += check_middleware(evidence)
    return sorted(dict.fromkeys(found), key=lambda finding: _ORDER[finding.level])


def _check_sources(evidence: Evidence) -> Findings:
    node = evidence.node
    if node and not node.inputs:
        yield Finding(
            "warning", node.name, "it listens to no sensor: it warms up, or is not active",
            f"ros2 lifecycle get {node.name}   # then: ros2 lifecycle set {node.name} activate",
        )  # fmt: skip
    if not evidence.sources:
        remedy = "ros2 topic list -t   # ROS_DOMAIN_ID must be that of the driver"
        yield Finding("error", "sources", NO_SOURCE, remedy if evidence.is_live else "")
    for source in evidence.sources.values():
        stream = evidence.streams[source.main]
        for topic in source.topics:
            # A calibration holds whatever its stamp: some drivers send it once, latched.
            is_stamped = evidence.streams[topic].kind != CAMERA_INFO
            yield from check_stream(evidence, evidence.streams[topic], is_stamped=is_stamped)
        if isinstance(source, CameraTopics):
            yield from check_camera(evidence, source)
            yield from check_depth_axes(evidence, stream)
        else:
            yield from _check_cloud(evidence, stream)
        yield from check_pose(evidence, stream)


def _check_cloud(evidence: Evidence, stream: Stream) -> Findings:
    if stream.last is None:
        return
    try:
        cloud = decode_cloud_message(stream.last)
    except InputError as error:
        yield Finding(
            "error", stream.topic, str(error), f"ros2 topic echo --once --no-arr {stream.topic}"
        )
        return
    if not cloud.has_colors:
        yield Finding("note", stream.topic, NO_COLORS % stream.topic)
    yield from check_cloud_axes(evidence, stream, cloud.points)
