"""Lines that mend troubles, ready to type."""

from __future__ import annotations

from typing import Any

from seg3d_ros.doctor.evidence import Evidence
from seg3d_ros.recordings.bag_topics import COMPRESSED, CameraTopics, CloudTopic

RUN = "ros2 run seg3d_ros seg3d_node --ros-args"
LAUNCH = "ros2 launch seg3d_ros segment.launch.py"


def parameter(evidence: Evidence, name: str, value: Any, *, live: bool = False) -> str:
    """Line that sets a parameter of our node; of a running one where it can change."""
    node = evidence.node
    if node and live:
        return f"ros2 param set {node.name} {name} {value}"
    return f'{RUN} -p "{name}:={value}"'


def start_line(evidence: Evidence, source: CloudTopic | CameraTopics) -> str:
    """Line that starts our node on a source."""
    if isinstance(source, CloudTopic):
        return f"{RUN} -p \"input.point_cloud_topics:=['{source.main}']\""
    ours = {"color": source.color, "depth": source.main, "camera_info": source.color_info}
    parts = [RUN, '-p "input.cameras:=[camera]" -p "input.point_cloud_topics:=[\'\']"']
    for name, transport in (("color", "compressed"), ("depth", "compressedDepth")):
        topic = ours[name]
        if evidence.types.get(topic) == COMPRESSED:
            parts.append(f'-p "input.compressed_{name}:=true"')
            ours[f"{name}/{transport}"] = ours.pop(name)
    if source.info != source.color_info:
        ours["depth/camera_info"] = source.info
    parts += [f"-r camera/{name}:={topic}" for name, topic in ours.items() if topic]
    return " ".join(parts)


def static_transform(parent: str, child: str, *, optical: bool = False) -> str:
    """Line that publishes where a frame is; of an optical frame in its body frame on request."""
    turn = "--roll -1.5708 --pitch 0 --yaw -1.5708" if optical else "--roll 0 --pitch 0 --yaw 0"
    return (
        f"ros2 run tf2_ros static_transform_publisher --x 0 --y 0 --z 0 {turn} "
        f"--frame-id {parent} --child-frame-id {child}"
    )
