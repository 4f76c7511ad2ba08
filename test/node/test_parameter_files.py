"""Parameters of a node in this process: files of them, and changes while it is unconfigured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from rclpy.parameter import Parameter

from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.old_parameters import NEW_NAMES
from seg3d_ros.node.seg3d_node import Seg3dNode
from seg3d_ros.node.settings import AllSettings
from seg3d_ros.settings import walk

NAMES = [name for name, _, _ in walk(AllSettings())]
CHANGED: dict[str, Any] = {
    "input.cameras": ["front", "rear"],
    "input.point_cloud_topics": [],
    "input.crop_min": [-1.0, -2.0, 0.0],
    "map.voxel_size": 0.05,
    "segmentation.model": "geometric",
    "model.geometric.plane_area": 0.3,
    "model.lassm.min_score": 0.5,
    "text.vocabulary": ["chair", "sofa|couch"],
    "node.fixed_frame": "odom",
}


@pytest.fixture
def make_node() -> Iterator[Callable[..., Seg3dNode]]:
    """Make nodes that nothing spins, from arguments of the command line."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=free_domain())
    made: list[Seg3dNode] = []

    def make(*arguments: str) -> Seg3dNode:
        made.append(Seg3dNode(context=context, cli_args=["--ros-args", *arguments]))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()
    rclpy.shutdown(context=context)


def dump(node: Seg3dNode) -> dict[str, Any]:
    """Parameters as `ros2 param dump` writes them: nested at the dots."""
    tree: dict[str, Any] = {}
    for name in NAMES:
        *groups, last = name.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        value = node.get_parameter(name).value
        branch[last] = list(value) if hasattr(value, "typecode") else value
    return {"/seg3d": {"ros__parameters": tree}}


def test_a_dump_makes_the_same_node(make_node, tmp_path: Path) -> None:
    first = make_node()
    results = first.set_parameters([Parameter(name, value=v) for name, v in CHANGED.items()])
    assert all(result.successful for result in results), results
    assert first.settings.map.voxel_size == 0.05 and first.settings != AllSettings()
    file = tmp_path / "dump.yaml"
    file.write_text(yaml.safe_dump(dump(first)))
    second = make_node("--params-file", str(file))
    assert second.settings == first.settings
    assert dump(second) == dump(first)


def test_an_unconfigured_node_still_refuses_what_cannot_be(make_node) -> None:
    node = make_node()
    (result,) = node.set_parameters([Parameter("model.mini.precision", value="fp8")])
    assert not result.successful
    assert result.reason.startswith("model.mini.precision is 'fp8'; use one of auto, fp32")
    assert node.settings == AllSettings()


def test_every_new_name_is_a_parameter() -> None:
    new = {name.replace("model.NAME", "model.mini") for name in NEW_NAMES.values()}
    assert new <= set(NAMES)


def test_old_names_are_refused_with_the_new_ones(make_node) -> None:
    with pytest.raises(ValueError, match=r"checkpoint is now model\.NAME\.checkpoint, max_range"):
        make_node("-p", "max_range:=3.0", "-p", "checkpoint:=it.pt")
    assert logging.getLogger("seg3d_ros").propagate  # to whoever reads the logs without a node
