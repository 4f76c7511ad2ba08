"""Each fault alone is found, with the line that mends it; without faults nothing is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import bags
from support.evidence import (
    COLOR,
    DEPTH,
    INFO,
    OPTICAL,
    camera_topics,
    evidence_of,
    machine,
    pose,
    troubles,
)

from seg3d_ros.doctor.evidence import SegmentationNode, Stream
from seg3d_ros.doctor.examination import examine
from seg3d_ros.doctor.page import page
from seg3d_ros.doctor.quality import Endpoint, Quality, mismatch
from seg3d_ros.scene import Camera, Distortion

BEST_EFFORT, RELIABLE, LATCHED = Quality(False), Quality(True), Quality(True, True)
POINTS = "/points"


def depth_of(value: float, dtype: type) -> Any:
    encoding = "16UC1" if dtype is np.uint16 else "32FC1"
    pixels = np.full((bags.HEIGHT, bags.WIDTH), value, dtype)
    return lambda t: bags.image(t, encoding, pixels)


def only(topics: dict[str, Any], **options: Any) -> tuple[str, str, str]:
    """Level, text and remedy of the one trouble there is."""
    found = troubles(topics, **options)
    assert len(found) == 1, found
    return found[0].level, found[0].text, found[0].remedy


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert troubles(camera_topics()) == []
    assert troubles(camera_topics(), machine=machine()) == []
    assert "No trouble found." in page(evidence_of(camera_topics()), [])


def test_the_page_says_how_to_start_the_node() -> None:
    text = page(evidence_of(camera_topics(), machine=machine()), [])
    assert (
        f"-r camera/color:={COLOR} -r camera/depth:={DEPTH} -r camera/camera_info:={INFO}" in text
    )
    jpegs = camera_topics(**{COLOR: None, f"{COLOR}/compressed": lambda t: bags.jpeg(t, 3)})
    text = page(evidence_of(jpegs, machine=machine()), [])
    assert f"-r camera/color/compressed:={COLOR}/compressed" in text
    assert 'input.compressed_color:=true"' in text
    clouds = {POINTS: bags.cloud, "/tf": lambda t: pose(t, "map", "camera")}
    assert f"input.point_cloud_topics:=['{POINTS}']" in page(
        evidence_of(clouds, machine=machine()), []
    )


def test_a_node_that_is_not_active() -> None:
    idle = SegmentationNode("/seg3d", {})
    level, text, remedy = only(camera_topics(), machine=machine(), node=idle)
    assert level == "warning" and "it warms up, or is not active" in text
    assert remedy.startswith("ros2 lifecycle get /seg3d")


def test_a_robot_without_sensors() -> None:
    level, text, remedy = only({"/tf": lambda t: pose(t, "map", "base_link")}, machine=machine())
    assert level == "error" and "nothing publishes a sensor_msgs/PointCloud2" in text
    assert "ROS_DOMAIN_ID" in remedy


@pytest.mark.parametrize(
    ("value", "dtype", "sentence"),
    [
        (2380.0, np.float32, "these look like millimetres"),
        (2, np.uint16, "these look like metres, rounded"),
        (60_000, np.uint16, "a room is not 60 m away"),
        (0, np.uint16, "no pixel of the newest depth image holds a distance"),
        (np.nan, np.float32, "no pixel of the newest depth image holds a distance"),
    ],
)
def test_the_unit_of_depth(value: float, dtype: type, sentence: str) -> None:
    _, text, _ = only(camera_topics(**{DEPTH: depth_of(value, dtype)}))
    assert sentence in text


def test_depth_in_its_unit_is_a_note_with_the_distance() -> None:
    found = examine(evidence_of(camera_topics(**{DEPTH: depth_of(1.5, np.float32)})))
    assert [f.text for f in found] == ["half of the depths lie below 1.50 m; 100% are valid"]


def test_colour_that_comes_too_late_for_its_depth() -> None:
    level, text, remedy = only(camera_topics(**{COLOR: lambda t: bags.color(t + 0.03, 3)}))
    assert level == "error" and "within 20 ms; nine in ten have one within 30 ms" in text
    assert remedy.endswith('-p "input.sync_slop:=0.04"')


def test_parameters_of_the_running_node_are_what_counts() -> None:
    node = SegmentationNode(
        "/seg3d",
        {DEPTH: "sensor_msgs/msg/Image"},
        {"input.sync_slop": 0.05, "input.tf_timeout": 0.1},
    )
    topics = camera_topics(**{COLOR: lambda t: bags.color(t + 0.03, 3)})
    assert troubles(topics, node=node) == []
    late = {"arrives": lambda topic, t: t + 0.2 * (topic == "/tf")}
    _, text, remedy = only(camera_topics(), node=node, **late)
    assert "come up to 0.20 s after /cam/depth/image" in text
    assert remedy == "ros2 param set /seg3d input.tf_timeout 0.3"


def test_a_camera_that_lacks_topics() -> None:
    _, text, _ = only(camera_topics(**{COLOR: None}))
    assert text == "no colour image belongs to this depth image"
    _, text, _ = only(camera_topics(**{INFO: None}))
    assert text == "no camera_info belongs to this depth image"


def test_a_calibration_of_zeros_and_one_of_another_size() -> None:
    blank = Camera(bags.WIDTH, bags.HEIGHT, 0.0, 0.0, 0.0, 0.0)
    _, text, remedy = only(camera_topics(**{INFO: lambda t: bags.camera_info(t, blank)}))
    assert "camera_info holds no calibration" in text
    assert "cameracalibrator" in remedy and f"-r image:={COLOR}" in remedy
    wide = Camera(16, 3, 10.0, 10.0, 7.5, 1.0)
    _, text, _ = only(camera_topics(**{INFO: lambda t: bags.camera_info(t, wide)}))
    assert "camera_info is for 16 x 3 and depth is 4 x 3" in text


def test_distortion_is_told() -> None:
    lens = Camera(4, 3, 10.0, 10.0, 1.5, 1.0, Distortion((0.1, 0.01, 0.0, 0.0, 0.0)))
    evidence = evidence_of(camera_topics(**{INFO: lambda t: bags.camera_info(t, lens)}))
    texts = [finding.text for finding in examine(evidence)]
    assert "the lens is distorted (plumb_bob, 2 coefficients); the node heeds that" in texts


def test_unregistered_depth() -> None:
    topics = camera_topics(
        **{COLOR: lambda t: bags.image(t, "bgr8", np.zeros((3, 4, 3), np.uint8), "color_frame")}
    )
    _, text, remedy = only(topics)
    assert "colour is in frame 'color_frame' and depth in 'camera'" in text
    assert "align_depth.enable:=true" in remedy


def test_stamps_and_frames() -> None:
    zero = camera_topics(**{DEPTH: lambda t: bags.depth(0.0, 1500)})
    assert "20 of 20 stamps are zero" in troubles(zero)[0].text
    nowhere = bags.depth(0.0, 1500)
    nowhere.header.frame_id = ""
    found = troubles(camera_topics(**{DEPTH: lambda t: nowhere}))
    assert any("frame_id is empty" in finding.text for finding in found)


def test_clocks_of_two_computers() -> None:
    ahead = {"arrives": lambda topic, t: t - 0.4 * (topic == DEPTH)}
    level, text, remedy = only(camera_topics(), **ahead)
    assert level == "warning" and "its stamps are 0.40 s in the future" in text
    assert "chronyc makestep" in remedy


def test_a_bag_played_without_its_clock() -> None:
    later = {"arrives": lambda topic, t: t + 90 * 86400.0}
    found = troubles(camera_topics(), machine=machine(), **later)
    assert {finding.text for finding in found} == {"its messages are 90 days old when they come"}
    assert found[0].remedy.startswith("ros2 bag play --clock")


def test_messages_that_got_lost() -> None:
    def sometimes(t: float) -> Any:
        n = round((t - 1000.0) / 0.1)
        return bags.cloud(1000.0 + 0.1 * (n + n // 2 * 2))  # two there, two missing

    static = {"/tf_static": lambda t: pose(t, "map", "camera", OPTICAL)}
    arrives = {"arrives": lambda topic, t: t + 1.0}
    evidence = evidence_of({POINTS: sometimes, **static}, machine=machine(), **arrives)
    evidence.streams[POINTS].arrivals_ns = evidence.streams[POINTS].stamps_ns
    found = [finding for finding in examine(evidence) if finding.level != "note"]
    assert "49% of its messages are missing" in found[0].text
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in found[0].remedy


def test_transforms_that_do_not_lead_to_the_map() -> None:
    _, text, remedy = only(camera_topics(), fixed_frame="odom")
    assert "no transform leads from odom to camera" in text
    assert "segment.launch.py fixed_frame:=map" in remedy
    loose = camera_topics(**{"/tf_static": None})
    _, text, remedy = only(loose)
    assert "frame 'camera' is unknown" in text
    assert "--frame-id base_link --child-frame-id camera" in remedy


def test_a_bag_without_transforms() -> None:
    lost = camera_topics(**{"/tf": None, "/tf_static": None})
    level, text, remedy = only(lost, fixed_frame="")
    assert (level, text) == ("error", "the bag holds no transforms")
    assert "seg3d replay BAG --fixed-frame camera" in remedy
    _, text, remedy = only(lost, fixed_frame="", machine=machine())
    assert "no transform leads from map to camera" in text
    assert "--frame-id map --child-frame-id camera" in remedy


@pytest.mark.parametrize(("shift", "count"), [(0.0, 0), (0.25, 1)])
def test_transforms_that_come_seldom(shift: float, count: int) -> None:
    """Once in 0.5 s is enough for images of those very stamps only."""

    def seldom(t: float) -> Any:
        return pose(1000 + 0.5 * round((t - 1000) / 0.1) + shift, "map", "base_link")

    slow = camera_topics(**{"/tf": seldom})
    for topic in (DEPTH, COLOR):
        make = slow[topic]
        slow[topic] = lambda t, make=make: make(1000 + 5 * (t - 1000))
    found = troubles(slow, arrives=lambda topic, t: 1000 + 5 * (t - 1000))
    assert [finding.subject for finding in found] == ["base_link"] * count, found


def test_transforms_by_another_clock() -> None:
    topics = camera_topics(**{"/tf": lambda t: pose(t - 300.0, "map", "base_link")})
    _, text, _ = only(topics)
    assert "its transforms lie 300.0 s behind the stamps of /cam/depth/image" in text


def test_a_frame_with_two_parents_and_a_broken_transform() -> None:
    def flips(t: float) -> Any:
        return pose(t, "map" if round(t * 10) % 2 else "odom", "base_link")

    found = troubles(camera_topics(**{"/tf": flips}))
    assert any("it hangs on" in finding.text for finding in found)
    found = troubles(
        camera_topics(**{"/tf_static": lambda t: pose(t, "base_link", "camera", (0, 0, 0, 0))})
    )
    assert any("quaternion is zero" in finding.text for finding in found)


def test_images_in_a_body_frame() -> None:
    body = camera_topics(**{"/tf_static": lambda t: pose(t, "base_link", "camera")})
    _, text, remedy = only(body)
    assert "would look straight up" in text
    assert "--roll -1.5708 --pitch 0 --yaw -1.5708" in remedy
    assert "--child-frame-id camera_optical_frame" in remedy


@pytest.mark.parametrize(("axis", "wrong"), [(0, False), (2, True)])
def test_clouds_in_a_body_frame(axis: int, wrong: bool) -> None:
    points = np.full((300, 3), 0.2, np.float32)
    points[:, axis] = np.linspace(1, 4, 300)
    message = bags.cloud(1000.0)
    rows = np.zeros(300, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])
    rows["x"], rows["y"], rows["z"] = points.T
    message.width, message.row_step, message.data = 300, 4800, rows.view(np.uint8)

    def cloud(t: float) -> Any:
        message.header.stamp = bags.header(t, "camera").stamp
        return message

    topics = {POINTS: cloud, "/tf": lambda t: pose(t, "map", "camera")}
    assert any("of a body" in finding.text for finding in troubles(topics)) == wrong


@pytest.mark.parametrize(
    ("offered", "asked", "policy"),
    [
        (BEST_EFFORT, BEST_EFFORT, ""),
        (RELIABLE, BEST_EFFORT, ""),
        (BEST_EFFORT, RELIABLE, "reliability"),
        (RELIABLE, LATCHED, "durability"),
        (LATCHED, RELIABLE, ""),
        (RELIABLE, Quality(True, deadline_ns=10**8), "deadline"),
    ],
)
def test_qualities_of_service_as_dds_matches_them(
    offered: Quality, asked: Quality, policy: str
) -> None:
    assert mismatch(offered, asked) == policy


def test_a_topic_of_another_type() -> None:
    evidence = evidence_of(camera_topics(), machine=machine())
    silent = Stream(COLOR, "sensor_msgs/msg/Image")
    silent.publishers = [Endpoint("/cam", "sensor_msgs/msg/CompressedImage", BEST_EFFORT)]
    evidence.streams[COLOR] = silent
    found = examine(evidence)[0]
    assert "it is published as sensor_msgs/msg/CompressedImage and read as" in found.text


def test_large_messages_meet_small_buffers() -> None:
    def size(evidence: Any) -> Any:
        evidence.streams[DEPTH].largest_bytes = 4_900_000
        return [finding for finding in examine(evidence) if finding.level != "note"]

    fast = size(evidence_of(camera_topics(), machine=machine()))
    assert "4.9 MB, more than the 524 kB of shared memory" in fast[0].text
    assert fast[0].remedy.startswith("export FASTDDS_DEFAULT_PROFILES_FILE=")
    told = machine(environment={"FASTDDS_DEFAULT_PROFILES_FILE": "a.xml"})
    assert size(evidence_of(camera_topics(), machine=told)) == []
    limits = {"net.core.rmem_max": 212_992, "net.ipv4.ipfrag_high_thresh": 4_194_304}
    cyclone = machine(middleware="rmw_cyclonedds_cpp", limits=limits)
    remedies = [finding.remedy for finding in size(evidence_of(camera_topics(), machine=cyclone))]
    assert remedies == [
        "sudo sysctl -w net.core.rmem_max=33554432",
        "sudo sysctl -w net.ipv4.ipfrag_high_thresh=134217728 net.ipv4.ipfrag_time=3",
    ]
    jazzy = machine(environment={"ROS_DISTRO": "jazzy"}, shared_memory_bytes=64 * 1024 * 1024)
    remedies = [finding.remedy for finding in size(evidence_of(camera_topics(), machine=jazzy))]
    assert remedies[0].startswith("export FASTRTPS_DEFAULT_PROFILES_FILE=")
    assert "--ipc=host" in remedies[1]
