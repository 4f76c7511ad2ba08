"""Checks of the middleware: its buffers against the size of the messages."""

from __future__ import annotations

from collections.abc import Mapping

from seg3d_ros.doctor.evidence import Evidence, Machine
from seg3d_ros.doctor.finding import Finding, Findings

FAST_DDS = "rmw_fastrtps"
CYCLONE = "rmw_cyclonedds"
ZENOH = "rmw_zenoh"
FAST_DDS_SEGMENT = 512 * 1024  # bytes of shared memory that Fast DDS takes unless it is told to
PROFILE_SEGMENT = 64 * 1024 * 1024  # of config/fastdds.xml, for each process
MIN_FRAGMENTS = 16 * 1024 * 1024  # kernel memory for datagrams that are still incomplete
_PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
_FAST_DDS_2 = ("humble", "iron", "jazzy")


def profile_line(environment: Mapping[str, str]) -> str:
    """Line that lets large messages through Fast DDS, for every process that has them."""
    variable = _PROFILES[environment.get("ROS_DISTRO") in _FAST_DDS_2]
    return f"export {variable}=$(ros2 pkg prefix --share seg3d_ros)/config/fastdds.xml"


def check_middleware(evidence: Evidence) -> Findings:
    """Limits that the largest message runs into; nothing for a bag."""
    machine = evidence.machine
    if machine is None:
        return
    streams = [stream for stream in evidence.streams.values() if len(stream)]
    if streams:
        largest = max(streams, key=lambda stream: stream.largest_bytes)
        if FAST_DDS in machine.middleware:
            yield from _check_shared_memory(machine, largest.topic, largest.largest_bytes)
        yield from _check_sockets(machine, largest.topic, largest.largest_bytes)
    if ZENOH in machine.middleware and len(evidence.types) <= 3:
        yield Finding(
            "warning", "middleware", "rmw_zenoh_cpp finds nobody without its router",
            "ros2 run rmw_zenoh_cpp rmw_zenohd",
        )  # fmt: skip


def _check_shared_memory(machine: Machine, topic: str, size: int) -> Findings:
    environment = machine.environment
    is_told = any(environment.get(name) for name in _PROFILES)
    is_told |= environment.get("FASTDDS_BUILTIN_TRANSPORTS", "").startswith("LARGE_DATA")
    if size > FAST_DDS_SEGMENT and not is_told:
        yield Finding(
            "warning", topic,
            f"its messages have {_size(size)}, more than the {_size(FAST_DDS_SEGMENT)} of shared "
            "memory that Fast DDS takes by default",
            profile_line(environment) + "   # for the driver as well",
        )  # fmt: skip
    free = machine.shared_memory_bytes
    if free is not None and free < max(2 * PROFILE_SEGMENT, 4 * size):
        yield Finding(
            "warning", "/dev/shm", f"only {_size(free)} of shared memory are free",
            "docker run --ipc=host ...   # or --shm-size=1g; else: fastdds shm clean",
        )  # fmt: skip


def _check_sockets(machine: Machine, topic: str, size: int) -> Findings:
    """Kernel buffers, which messages of Cyclone, and of Fast DDS between computers, go through."""
    always = CYCLONE in machine.middleware
    rmem = machine.limits.get("net.core.rmem_max")
    if rmem is not None and rmem < size:
        yield Finding(
            "warning" if always else "note", "net.core.rmem_max",
            f"it allows buffers of {_size(rmem)}, and a message of {topic} has {_size(size)}"
            + ("" if always else "; this matters between computers"),
            f"sudo sysctl -w net.core.rmem_max={_power_of_two(4 * size)}",
        )  # fmt: skip
    fragments = machine.limits.get("net.ipv4.ipfrag_high_thresh")
    if always and fragments is not None and fragments < max(MIN_FRAGMENTS, 4 * size):
        yield Finding(
            "warning", "net.ipv4.ipfrag_high_thresh",
            f"{_size(fragments)} for datagrams in pieces fill up when pieces get lost",
            "sudo sysctl -w net.ipv4.ipfrag_high_thresh=134217728 net.ipv4.ipfrag_time=3",
        )  # fmt: skip


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
