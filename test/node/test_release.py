"""Cleanup lets go of everything that was configured, whatever was going on."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger
from support import slow_node
from support.harness import wait_until

from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.seg3d_node import Seg3dNode
from seg3d_ros.scene import Frame
from seg3d_ros.segmenters.registry import MODELS, ModelInfo


@pytest.fixture
def context() -> Iterator[Any]:
    made = rclpy.Context()
    rclpy.init(context=made, domain_id=free_domain())
    yield made
    rclpy.try_shutdown(context=made)
    made.destroy()


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a "gated" segmenter waits for."""
    gated = ModelInfo("gated", "", "", segmenter=lambda *_: slow_node.GatedSegmenter())
    monkeypatch.setitem(MODELS, "gated", gated)
    monkeypatch.setenv(slow_node.GATE, str(tmp_path / "gate"))
    return tmp_path / "gate"


def test_no_configuration_outlives_its_cleanup(context: Any, gate: Path) -> None:
    models = {"segmentation.model": "gated", "prompt.model": "geometric"}
    node = Seg3dNode(
        context=context,
        parameter_overrides=[Parameter(name, value=value) for name, value in models.items()],
    )
    asker = rclpy.create_node("asker", context=context)
    executor = SingleThreadedExecutor(context=context)
    for member in (node, asker):
        executor.add_node(member)
    spinning = threading.Thread(target=spin, args=(executor,))
    spinning.start()
    client = asker.create_client(Trigger, "seg3d/segment_now")
    ended = []
    for _ in range(3):
        gate.touch()  # the kernels are compiled without waiting
        in_executor(executor, node.trigger_configure)
        in_executor(executor, node.trigger_activate)
        gate.unlink()
        node._engine.integrate(frame())
        ended.append(weakref.ref(node._engine))
        assert client.wait_for_service(30)
        waiting = [client.call_async(Trigger.Request()) for _ in range(10)]
        in_executor(executor, node.trigger_deactivate)
        in_executor(executor, node.trigger_cleanup)
        gate.touch()
        wait_until(lambda asked=waiting: all(f.done() for f in asked), "answers")
        wait_until(lambda: not alive(ended), "the end of what was configured")
    rclpy.try_shutdown(context=context)
    spinning.join()
    for member in (node, asker):
        member.destroy_node()


def spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        executor.shutdown()


def in_executor(executor: SingleThreadedExecutor, transition: Callable[[], Any]) -> None:
    """Change the state where it is changed in life: between two callbacks."""
    wait_until(executor.create_task(transition).done, transition.__name__)


def frame() -> Frame:
    points = np.random.default_rng(0).uniform(0.5, 1.5, (500, 3)).astype(np.float32)
    return Frame(points, np.zeros((500, 3), np.uint8), 1, np.eye(4))


def alive(references: list[weakref.ref[Any]]) -> int:
    gc.collect()
    return sum(reference() is not None for reference in references)
