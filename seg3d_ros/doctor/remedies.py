"""Lines that mend troubles, ready to type."""

from __future__ import annotations

from typing import Any

from seg3d_ros.doctor.evidence import Evidence

RUN = "ros2 run seg3d_ros seg3d_node --ros-args"


def parameter(evidence: Evidence, name: str, value: Any, *, live: bool = False) -> str:
    """Line that sets a parameter of our node; of a running one where it can change."""
    node = evidence.node
    full = node.names.get(name, name) if node else name
    if node and live:
        return f"ros2 param set {node.name} {full} {value}"
    return f'{RUN} -p "{full}:={value}"'


def remap(ours: str, theirs: str) -> str:
    """Line that lets our node read another topic."""
    return f"{RUN} -r {ours}:={theirs}"


def static_transform(parent: str, child: str, *, optical: bool = False) -> str:
    """Line that publishes where a frame is; of an optical frame in its body frame on request."""
    turn = "--roll -1.5708 --pitch 0 --yaw -1.5708" if optical else "--roll 0 --pitch 0 --yaw 0"
    return (
        f"ros2 run tf2_ros static_transform_publisher --x 0 --y 0 --z 0 {turn} "
        f"--frame-id {parent} --child-frame-id {child}"
    )
