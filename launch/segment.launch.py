"""Start the segmentation node, and RViz where it is installed.

ros2 launch seg3d_ros segment.launch.py                     clouds on the topic `points`
ros2 launch seg3d_ros segment.launch.py camera:=realsense   a camera's own topics
"""

import os
from pathlib import Path

import yaml
from ament_index_python.packages import get_packages_with_prefixes
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

PREFIXES = get_packages_with_prefixes()
CONFIG = Path(PREFIXES["seg3d_ros"]) / "share" / "seg3d_ros" / "config"
CAMERAS = sorted(path.stem for path in (CONFIG / "cameras").glob("*.yaml"))

# Keeps the memory of received frames, instead of thousands of page faults for each one.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "536870912"}

FROM_FILE = " Empty: as in params_file."
ARGUMENTS = {
    "namespace": ("", "Namespace of the node and its relative topics."),
    "params_file": (str(CONFIG / "segment.yaml"), "YAML file with the node's parameters."),
    "camera": ("", f"Camera to read, one of {', '.join(CAMERAS)}." + FROM_FILE),
    "model": ("", "Segmenter, for example mini." + FROM_FILE),
    "fixed_frame": ("", "Frame of the map, for example map or odom." + FROM_FILE),
    "use_sim_time": ("", "true: time comes from /clock, for bags and simulators." + FROM_FILE),
    "rviz": (str("rviz2" in PREFIXES).lower(), "true: show the result in RViz."),
    "log_level": ("info", "Log level: debug, info, warn, error or fatal."),
    "fastdds_profile": (
        str(CONFIG / "fastdds.xml"),
        "Fast DDS profile that lets whole frames through; one set in the environment wins.",
    ),
}


def generate_launch_description() -> LaunchDescription:
    """Arguments, then what they ask for."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    actions = [*_middleware(given["fastdds_profile"]), _node(given)]
    if given["rviz"] == "true":
        actions.append(_rviz(given))
    return actions


def _middleware(profile: str) -> list[LaunchDescriptionEntity]:
    old = os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")  # Fast DDS 2
    variable = "FASTRTPS_DEFAULT_PROFILES_FILE" if old else "FASTDDS_DEFAULT_PROFILES_FILE"
    if variable in os.environ or not profile:
        return []
    return [SetEnvironmentVariable(variable, profile)]


def _node(given: dict[str, str]) -> Node:
    overrides: dict[str, object] = {
        name: given[name] for name in ("model", "fixed_frame") if given[name]
    }
    if given["use_sim_time"]:
        overrides["use_sim_time"] = given["use_sim_time"].lower() == "true"
    remappings = []
    if given["camera"]:
        # An empty list has no type for launch; the node passes over an empty name.
        overrides |= {"cameras": ["camera"], "point_cloud_topics": [""]}
        remappings = _preset(given["camera"])
    return Node(
        package="seg3d_ros",
        executable="seg3d_node",
        name="seg3d",
        namespace=given["namespace"],
        parameters=[source for source in (given["params_file"], overrides) if source],
        remappings=remappings,
        ros_arguments=["--log-level", given["log_level"]],
        additional_env=MALLOC,
        output="screen",
    )


def _preset(camera: str) -> list[tuple[str, str]]:
    if camera not in CAMERAS:
        raise ValueError(f"camera {camera!r} is unknown, choose one of: {', '.join(CAMERAS)}")
    topics = yaml.safe_load((CONFIG / "cameras" / f"{camera}.yaml").read_text())
    plain = [(f"camera/{ours}", theirs) for ours, theirs in topics.items()]
    # image_transport adds these names; with compressed_color and compressed_depth they are read.
    compressed = [
        (f"camera/{ours}/{transport}", f"{topics[ours]}/{transport}")
        for ours, transport in (("color", "compressed"), ("depth", "compressedDepth"))
    ]
    return plain + compressed


def _rviz(given: dict[str, str]) -> Node:
    frame = ["-f", given["fixed_frame"]] if given["fixed_frame"] else []
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=given["namespace"],
        arguments=["-d", str(CONFIG / "segment.rviz"), *frame],
        parameters=[{"use_sim_time": given["use_sim_time"].lower() == "true"}],
    )
