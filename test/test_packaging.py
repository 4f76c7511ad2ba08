"""What several files say about the package agrees."""

import re
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import seg3d_ros

ROOT = Path(__file__).parent.parent
PACKAGE = ET.parse(ROOT / "package.xml").getroot()


def test_the_version_is_the_same_everywhere():
    assert PACKAGE.findtext("version") == seg3d_ros.__version__ == version("seg3d_ros")


def test_every_interface_is_built():
    listed = set(re.findall(r'"((?:msg|srv)/\w+\.\w+)"', (ROOT / "CMakeLists.txt").read_text()))
    present = {
        f"{p.parent.name}/{p.name}" for kind in ("msg", "srv") for p in ROOT.glob(f"{kind}/*")
    }
    assert listed == present


def test_every_ros_package_that_is_imported_is_declared():
    declared = {d.text for kind in ("depend", "exec_depend") for d in PACKAGE.findall(kind)}
    sources = [*ROOT.glob("seg3d_ros/**/*.py"), *ROOT.glob("launch/*.py")]
    ros = r"rclpy|tf2_ros|launch\w*|ament_index_python|\w+_(?:msgs|srvs|interfaces)"
    pattern = re.compile(rf"^\s*(?:from|import) ({ros})\b", re.M)
    imported = {name for source in sources for name in pattern.findall(source.read_text())}
    assert "rclpy" in imported
    assert imported <= declared


@pytest.mark.parametrize(
    "preset", sorted(ROOT.glob("config/cameras/*.yaml")), ids=lambda p: p.stem
)
def test_a_camera_preset_names_its_three_topics(preset):
    topics = yaml.safe_load(preset.read_text())
    assert set(topics) == {"color", "depth", "camera_info"}
    assert all(topic.startswith("/") for topic in topics.values())


def test_the_rviz_configuration_shows_what_the_node_publishes():
    displays = yaml.safe_load((ROOT / "config/segment.rviz").read_text())["Visualization Manager"]
    shown = {d["Topic"]["Value"] for d in displays["Displays"] if "Topic" in d}
    assert shown == {"seg3d/map_cloud", "seg3d/instance_cloud", "seg3d/markers"}


def test_the_example_parameters_exist():
    """Active and commented lines of segment.yaml name settings that the code has."""
    text = (ROOT / "config/segment.yaml").read_text()
    named = set(re.findall(r"^    (?:# )?([a-z_]+):", text, re.M))
    code = "".join(p.read_text() for p in ROOT.glob("seg3d_ros/**/*.py"))
    assert named
    assert {name for name in named if f"    {name}: " not in code} == set()
