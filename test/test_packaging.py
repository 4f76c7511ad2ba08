"""Packaging: several files say the same about the package."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import seg3d_ros
from seg3d_ros.node.settings import AllSettings
from seg3d_ros.packages import INSTALL_TEXT
from seg3d_ros.settings import with_values

ROOT = Path(__file__).parent.parent
PACKAGE = ET.parse(ROOT / "package.xml").getroot()


def test_the_version_is_the_same_everywhere():
    assert PACKAGE.findtext("version") == seg3d_ros.__version__ == version("seg3d_ros")


def test_the_data_of_the_tests_stays_small():
    files = [path for path in (ROOT / "test/data").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20_000_000


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
    assert "python3-yaml" in declared, "the launch file reads YAML"


def test_the_recipe_of_the_readme_is_what_messages_say():
    assert INSTALL_TEXT in (ROOT / "README.md").read_text()


def test_plugins_of_a_full_ros_do_not_touch_the_tests(tmp_path):
    """launch_testing and its kin import each test file by its bare name: two are alike."""
    names = (
        "launch_testing",
        "launch_testing_ros_pytest_entrypoint",
        "launch_ros",
        "launch_pytest",
    )
    (tmp_path / "loaded.py").write_text("raise SystemExit('a plugin was loaded')")
    info = tmp_path / "plugins-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1\n")
    points = "".join(f"{name} = loaded\n" for name in names)
    (info / "entry_points.txt").write_text(f"[pytest11]\n{points}")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", __file__]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, check=True)


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


def flat(values, group=""):
    """Settings of nested YAML by dotted name."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{group}{name}.")
        else:
            yield f"{group}{name}", tuple(value) if isinstance(value, list) else value


def test_the_example_parameters_are_settings():
    """Active and commented lines of segment.yaml are values that the code takes."""
    text = re.sub(r"# ([a-z_]+:)", r"\1", (ROOT / "config/segment.yaml").read_text())
    given = dict(flat(yaml.safe_load(text)["/**"]["ros__parameters"]))
    assert len(given) > 15
    settings = with_values(AllSettings(), given)
    assert settings.input.cameras == ("front", "rear") and settings.model.mini.device == "cpu"
