"""Settings of all tests."""

import gc
import importlib.util

import pytest
from hypothesis import settings

pytest_plugins = ["support.nodes"]
NEEDS_ROS = ("demo", "node")  # folders whose tests talk to nodes
# Files of a minute or more: one of them at the end would leave the other processes without work.
LONGEST = ("viewer/test_page.py", "node/test_storm.py", "node/test_lifecycle.py")
LONGEST_NAME = 60  # of a value in the name of a test
HAS_ROS = bool(importlib.util.find_spec("rclpy") and importlib.util.find_spec("seg3d_ros.msg"))
collect_ignore_glob = [] if HAS_ROS else [f"{folder}/test_*.py" for folder in NEEDS_ROS]
if HAS_ROS:
    from seg3d_ros.node.environment import set_memory_defaults

    set_memory_defaults()  # tools/env.sh does it for `make test`, nobody for `colcon test`

# Machines that run tests are shared, and the first call of a kernel compiles it.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    """Look for no garbage among what the test files import: a million objects that stay."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val):
    """Long values are named by how they begin: colcon hangs at a line of 64 KB."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return ascii(val[:LONGEST_NAME]).strip("b'\"") + "..."
    return None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name in NEEDS_ROS:
            item.add_marker("ros")
    place = places_of_files(list(dict.fromkeys(item.path for item in items)))
    items.sort(key=lambda item: place[item.path])


def places_of_files(files):
    """Order of the files: the longest first, those that wait for nodes spread among the others.

    Who waits leaves a core to somebody who computes, if not all processes wait at once.
    """
    place = {}
    for waits in (True, False):
        group = [file for file in files if (file.parent.name in NEEDS_ROS) == waits]
        place |= {file: number / len(group) for number, file in enumerate(group)}
    return place | {file: -1 for file in files if file.as_posix().endswith(LONGEST)}


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    """Files that import torch are skipped where it is not installed, as rosdep leaves it."""
    report = (yield).get_result()
    if report.failed and "No module named 'torch'" in str(report.longrepr):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "Skipped: torch is not installed")


def pytest_runtest_setup(item):
    """Skip a test marked `torch` where that is not installed."""
    if item.get_closest_marker("torch") and not importlib.util.find_spec("torch"):
        pytest.skip("torch is not installed")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Device to compute on; the test is skipped where there is no such device."""
    torch = pytest.importorskip("torch", reason="the networks need torch: pip install .[text]")
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return torch.device(request.param)
