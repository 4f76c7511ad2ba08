"""Start the segmentation node, and RViz where it is installed.

ros2 launch seg3d_ros segment.launch.py                     clouds on the topic `points`
ros2 launch seg3d_ros segment.launch.py camera:=realsense   a camera's own topics
"""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from ament_index_python.packages import get_packages_with_prefixes
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from seg3d_ros.node.environment import MALLOC, profile_variable

PREFIXES = get_packages_with_prefixes()
CONFIG = Path(PREFIXES["seg3d_ros"]) / "share" / "seg3d_ros" / "config"
CAMERAS = sorted(path.stem for path in (CONFIG / "cameras").glob("*.yaml"))

LEVELS = ("debug", "info", "warn", "error", "fatal")
PARAMETERS = {"model": "segmentation.model", "fixed_frame": "node.fixed_frame"}
FROM_FILE = " Empty: as in params_file."


@dataclass(frozen=True)
class Argument:
    """Default, explanation and allowed values of a launch argument; no values: any."""

    default: str
    text: str
    choices: tuple[str, ...] = ()


ARGUMENTS = {
    "namespace": Argument("", "Namespace of the node and its relative topics."),
    "params_file": Argument(str(CONFIG / "segment.yaml"), "YAML file with the parameters."),
    "camera": Argument("", "Camera to read." + FROM_FILE, ("", *CAMERAS)),
    "model": Argument("", "Segmenter, for example mini." + FROM_FILE),
    "fixed_frame": Argument("", "Frame of the map, for example map or odom." + FROM_FILE),
    "use_sim_time": Argument(
        "", "true: time comes from /clock, for bags and simulators." + FROM_FILE
    ),
    "rviz": Argument(
        str("rviz2" in PREFIXES).lower(), "true: show the result in RViz.", ("true", "false")
    ),
    "log_level": Argument("info", "Least severe messages that are logged.", LEVELS),
    "required": Argument(
        "true",
        "true: all of the launch ends when the node does; for a larger launch file: false.",
        ("true", "false"),
    ),
    "fastdds_profile": Argument(
        str(CONFIG / "fastdds.xml"),
        "Fast DDS profile that lets whole frames through; one set in the environment wins.",
    ),
}


def generate_launch_description() -> LaunchDescription:
    """Arguments, then what they ask for."""
    arguments = [
        DeclareLaunchArgument(
            name,
            default_value=argument.default,
            description=argument.text,
            choices=list(argument.choices) or None,
        )
        for name, argument in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    if given["params_file"] and not Path(given["params_file"]).is_file():
        raise FileNotFoundError(f"params_file {given['params_file']!r} does not exist")
    actions = [*_middleware(given["fastdds_profile"]), _node(given)]
    if given["rviz"] == "true":
        actions.append(_rviz(given))
    return actions


def _middleware(profile: str) -> list[LaunchDescriptionEntity]:
    variable = profile_variable()
    if variable in os.environ or not profile:
        return []
    return [SetEnvironmentVariable(variable, profile)]


def _node(given: dict[str, str]) -> Node:
    overrides: dict[str, object] = {
        parameter: given[name] for name, parameter in PARAMETERS.items() if given[name]
    }
    if given["use_sim_time"]:
        overrides["use_sim_time"] = given["use_sim_time"].lower() == "true"
    remappings = []
    if given["camera"]:
        # An empty list has no type for launch; the node passes over an empty name.
        overrides |= {"input.cameras": ["camera"], "input.point_cloud_topics": [""]}
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
        on_exit=Shutdown(reason="the node has ended") if given["required"] == "true" else None,
    )


def _preset(camera: str) -> list[tuple[str, str]]:
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
