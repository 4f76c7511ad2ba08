"""Parameters: described, changed at run time, refused with a reason."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParametersAtomically
from rclpy.parameter import Parameter, parameter_value_to_python
from support import toy_room
from support.harness import Robot, dotted, wait_until

from seg3d_ros.node.settings import AllSettings
from seg3d_ros.settings import walk
from seg3d_ros.srv import QueryObjects

SETTINGS = {name: (default, info) for name, default, info in walk(AllSettings())}
CROP = ("input.crop_min", "input.crop_max")
VIEW = toy_room.views(3)[1]


@pytest.fixture(scope="module")
def robot(start_shared_node, make_shared_robot) -> Robot:
    node = start_shared_node(segmentation__period=3600.0)
    robot = make_shared_robot(node.domain)
    robot.listen_to_diagnostics()
    return robot


def read(robot: Robot, *names: str) -> list[Any]:
    request = GetParameters.Request(names=list(names))
    values = robot.call(GetParameters, "seg3d/get_parameters", request).values
    return [parameter_value_to_python(value) for value in values]


def set_together(robot: Robot, **values: Any) -> Any:
    parameters = [
        Parameter(dotted(name), value=v).to_parameter_msg() for name, v in values.items()
    ]
    request = SetParametersAtomically.Request(parameters=parameters)
    return robot.call(SetParametersAtomically, "seg3d/set_parameters_atomically", request).result


def mapped_ranges(robot: Robot) -> np.ndarray:
    """Distances of the mapped points from the camera after VIEW was seen anew."""
    assert robot.trigger("seg3d/clear_map").success
    robot.show([VIEW])
    return np.linalg.norm(robot.map_points() - VIEW[:3, 3], axis=1)


def test_every_setting_is_a_described_parameter(robot: Robot) -> None:
    names, defaults = list(SETTINGS), [default for default, _ in SETTINGS.values()]
    request = DescribeParameters.Request(names=names)
    answer = robot.call(DescribeParameters, "seg3d/describe_parameters", request)
    for (name, (_, info)), said in zip(SETTINGS.items(), answer.descriptors, strict=True):
        assert said.name == name and said.type != ParameterType.PARAMETER_NOT_SET
        assert said.description.startswith(info.text)
        assert ("at the next configuration" in said.description) != info.live
        ranges = [*said.integer_range, *said.floating_point_range]
        has_limits = info.low is not None or info.high is not None
        assert len(ranges) == (1 if has_limits else 0), name
        for given, limit in ((info.low, "from_value"), (info.high, "to_value")):
            assert given is None or getattr(ranges[0], limit) == given, name
    values = [
        tuple(v) if isinstance(d, tuple) else v for d, v in zip(defaults, read(robot, *names))
    ]
    changed = {name for name, d, v in zip(names, defaults, values, strict=True) if d != v}
    assert changed == {
        "segmentation.model",
        "prompt.model",
        "segmentation.period",
    }  # what harness and fixture give


def test_range_limits_change_the_map_at_once(robot: Robot) -> None:
    usual = mapped_ranges(robot)
    low, high = (float(v) for v in np.quantile(usual, (0.2, 0.8)))
    results = robot.set_parameters(input__max_range=high, input__min_range=low)
    assert all(result.successful for result in results), results
    limited = mapped_ranges(robot)
    voxel = 0.02 * np.sqrt(3)
    assert low - voxel < limited.min() and limited.max() < high + voxel
    assert usual.min() < low - voxel and high + voxel < usual.max()
    assert set_together(robot, input__min_range=0.2, input__max_range=6.0).successful


def test_carving_can_be_switched_off(robot: Robot) -> None:
    def voxels_left_of_a_box_that_goes() -> int:
        robot.trigger("seg3d/clear_map")
        robot.show([VIEW] * 2)
        with_box = int(robot.settled("segmentation", "map_voxels"))
        robot.show([VIEW] * 5, boxes=toy_room.BOXES[1:])
        return int(robot.settled("segmentation", "map_voxels")) - with_box

    carved = voxels_left_of_a_box_that_goes()
    assert set_together(robot, map__carve_free_space=False).successful
    kept = voxels_left_of_a_box_that_goes()
    assert set_together(robot, map__carve_free_space=True).successful
    assert carved < kept


def test_fewer_views_confirm_an_object_at_once(robot: Robot) -> None:
    def objects_after_one_segmentation() -> int:
        robot.trigger("seg3d/clear_map")
        robot.show([VIEW])
        assert robot.trigger("seg3d/segment_now").success
        answer = robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request())
        return len(answer.instances)

    assert robot.set_parameters(tracking__sure_score=1.0)[0].successful
    assert objects_after_one_segmentation() == 0
    assert robot.set_parameters(tracking__confirm_views=1)[0].successful
    assert objects_after_one_segmentation() >= len(toy_room.BOXES)
    assert robot.set_parameters(tracking__confirm_views=2)[0].successful
    assert robot.set_parameters(tracking__sure_score=0.7)[0].successful


def test_a_shorter_period_segments_by_itself(robot: Robot) -> None:
    robot.show([VIEW])
    before = int(robot.source_values("segmentation")["segmentations"])
    assert robot.set_parameters(segmentation__period=0.1)[0].successful
    wait_until(
        lambda: int(robot.source_values("segmentation")["segmentations"]) > before,
        "a segmentation that nobody asked for",
    )
    assert robot.set_parameters(segmentation__period=3600.0)[0].successful


def test_a_crop_box_can_be_set_in_whole_numbers_and_taken_back(robot: Robot) -> None:
    assert set_together(
        robot, input__crop_min=[-1, -1, -1], input__crop_max=[1.5, 1.5, 1.0]
    ).successful
    assert read(robot, "input.crop_min")[0] in ([-1, -1, -1], [-1.0, -1.0, -1.0])
    # `ros2 param set NAME []` and a loaded dump send an empty list of another type.
    values = {name: ParameterValue(type=ParameterType.PARAMETER_BOOL_ARRAY) for name in CROP}
    request = SetParametersAtomically.Request(
        parameters=[ParameterMsg(name=name, value=value) for name, value in values.items()]
    )
    service = "seg3d/set_parameters_atomically"
    assert robot.call(SetParametersAtomically, service, request).result.successful
    assert read(robot, *CROP) == [[], []]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("map.voxel_size", 0.05, "clean it up first"),
        ("node.fixed_frame", "odom", "restart"),
        ("input.point_cloud_topics", ["other"], "restart"),
        ("segmentation.model", "another", "restart"),
        ("model.mini.min_score", 0.1, "restart"),
        ("input.max_range", 0.1, "min_range"),
        ("input.max_range", 1e7, "range"),
        ("input.max_range", float("nan"), ""),
        ("input.max_range", "far", "type"),
        ("tracking.confirm_views", 0, "range"),
        ("input.crop_min", [0.0, 0.0], "crop_min"),
        ("input.crop_min", "abc", "input.crop_min is 'abc'; give a list of numbers"),
        ("input.crop_min", ["a", "b", "c"], "give a list of numbers"),
        ("text.vocabulary", [1, 2], "give a list of texts"),
    ],
)
def test_a_change_that_is_refused_says_why(robot: Robot, name: str, value: Any, why: str) -> None:
    before = read(robot, name)
    result = robot.set_parameters(**{name: value})[0]
    assert not result.successful
    assert result.reason and why in result.reason
    assert repr(read(robot, name)) == repr(before)


def test_several_changes_in_one_call_are_all_or_nothing(robot: Robot) -> None:
    names = ("input.min_range", "input.max_range", "input.tf_timeout")
    before = read(robot, *names)
    refused = set_together(robot, input__tf_timeout=2.0, map__voxel_size=0.1)
    assert not refused.successful and "voxel_size" in refused.reason
    assert read(robot, *names) == before
    # Each alone would contradict the other's old value.
    assert set_together(
        robot, input__min_range=7.0, input__max_range=9.0, input__tf_timeout=1.0
    ).successful
    assert read(robot, *names) == [7.0, 9.0, 1.0]
    assert set_together(robot, **dict(zip(names, before))).successful


@pytest.mark.parametrize("assignment", ["input.min_range:=7.0", "input.max_range:=1e9"])
def test_a_wrong_value_at_start_ends_the_node_with_one_line(assignment: str) -> None:
    command = [sys.executable, "-m", "seg3d_ros.node.main", "--ros-args", "-p", assignment]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    assert ended.returncode == 2
    assert len(lines) == 1 and "wrong parameter" in lines[0]
    assert assignment.split(":=")[0] in lines[0]


def test_an_unknown_parameter_is_named(start_node) -> None:
    node = start_node(voxel_sise=0.05, node__autostart=False, wait_for="autostart is off")
    assert "unknown parameters are ignored: voxel_sise" in node.output


def test_an_old_name_ends_the_node_with_the_new_one() -> None:
    given = ["-p", "voxel_size:=0.05", "-p", "model:=geometric"]
    command = [sys.executable, "-m", "seg3d_ros.node.main", "--ros-args", *given]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "model is now segmentation.model, voxel_size is now map.voxel_size" in ended.stderr
