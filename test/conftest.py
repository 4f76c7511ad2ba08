"""Settings of all tests."""

import importlib.util

import pytest
from hypothesis import settings

pytest_plugins = ["support.nodes"]
NEEDS_ROS = ("demo", "node")  # folders whose tests talk to nodes
# Files of a minute or more: one of them at the end would leave the other process without work.
LONGEST = ("viewer/test_page.py", "audit/test_demo_room.py", "node/test_lifecycle.py")
HAS_ROS = bool(importlib.util.find_spec("rclpy") and importlib.util.find_spec("seg3d_ros.msg"))
collect_ignore_glob = [] if HAS_ROS else [f"{folder}/test_*.py" for folder in NEEDS_ROS]
if HAS_ROS:
    from seg3d_ros.node.environment import set_memory_defaults

    set_memory_defaults()  # tools/env.sh does it for `make test`, nobody for `colcon test`

# Machines that run tests are shared, and the first call of a kernel compiles it.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))
    for item in items:
        if item.path.parent.name in NEEDS_ROS:
            item.add_marker("ros")


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
