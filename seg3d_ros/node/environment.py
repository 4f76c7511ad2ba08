"""Environment of ROS processes: memory settings for big messages, and a domain of their own."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

from seg3d_ros.node.heap import MALLOC

# Above it, the ports of a domain lie where Linux takes the ports of outgoing connections from.
MAX_DOMAIN = 101
_WITH_FAST_DDS_2 = ("humble", "iron", "jazzy")


def prepare_environment() -> int:
    """Complete this process's environment, for its children and for its own middleware.

    What a person has set stays as it is. Call it before `rclpy.init`.

    Returns:
        The ROS domain in use.
    """
    set_memory_defaults()
    if "ROS_DOMAIN_ID" not in os.environ:
        os.environ["ROS_DOMAIN_ID"] = str(free_domain())
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return int(os.environ["ROS_DOMAIN_ID"])


def set_memory_defaults() -> None:
    """Let whole frames through the middleware and keep their memory, unless a person chose.

    Call it before `rclpy.init`.
    """
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    profile = fastdds_profile()
    if profile is not None:
        os.environ.setdefault(profile_variable(), str(profile))


def profile_variable() -> str:
    """Name of the variable that Fast DDS takes its profiles from; Fast DDS 3 warns of the old."""
    old = os.environ.get("ROS_DISTRO") in _WITH_FAST_DDS_2
    return "FASTRTPS_DEFAULT_PROFILES_FILE" if old else "FASTDDS_DEFAULT_PROFILES_FILE"


def free_domain() -> int:
    """A ROS domain that nobody on this machine is in.

    Raises:
        OSError: all are taken.
    """
    # In any order, so that two programs that start together do not take the same one.
    for domain in random.sample(range(1, MAX_DOMAIN + 1), MAX_DOMAIN):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                # The discovery port that every member of the domain has open (DDSI-RTPS 9.6.1).
                probe.bind(("", 7400 + 250 * domain))
            except OSError:
                continue
            return domain
    raise OSError(f"all ROS domains from 1 to {MAX_DOMAIN} are in use; set ROS_DOMAIN_ID")


def fastdds_profile() -> Path | None:
    """config/fastdds.xml of the checkout or of the installed package; None when there is none."""
    candidates = [Path(__file__).resolve().parents[2]]
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        candidates.append(Path(prefix, "share", "seg3d_ros"))
    paths = (folder / "config" / "fastdds.xml" for folder in candidates)
    return next((path for path in paths if path.is_file()), None)
