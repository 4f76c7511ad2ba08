"""Run by launch_testing (see test_oracles.py): the launch file with nothing but RViz off."""

from __future__ import annotations

import unittest
from pathlib import Path

import launch
import launch_testing
import launch_testing.actions
import pytest
from launch.launch_description_sources import PythonLaunchDescriptionSource

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "segment.launch.py"


@pytest.mark.launch_test
def generate_test_description() -> launch.LaunchDescription:
    included = launch.actions.IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH_FILE)), launch_arguments={"rviz": "false"}.items()
    )
    ready = launch_testing.actions.ReadyToTest()
    return launch.LaunchDescription([included, ready])


class TestLaunchFile(unittest.TestCase):
    def test_the_node_becomes_active(self, proc_output) -> None:
        proc_output.assertWaitFor("]: active", timeout=60)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_the_node_ended_cleanly(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
