"""The lifecycle node `seg3d`: a shell around `Perception`.

Threads: the executor's thread runs callbacks and timers, which only hand things over; the
integrator's thread decodes and fuses; the worker's thread segments and publishes; the services'
thread answers requests.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn as Result
from rclpy.parameter import Parameter

from seg3d_ros.engine.perception import EmptyMapError, Perception, PerceptionSettings
from seg3d_ros.node.clock_watch import steady_clock
from seg3d_ros.node.diagnostics import Diagnostics
from seg3d_ros.node.integrator import Integrator
from seg3d_ros.node.logging import forward_library_logs, stop_forwarding
from seg3d_ros.node.parameters import AllSettings, changed, declare_parameters
from seg3d_ros.node.publishers import Outputs
from seg3d_ros.node.service_host import ServiceHost
from seg3d_ros.node.services import SERVICES, Services
from seg3d_ros.node.subscriptions import Inputs
from seg3d_ros.node.transform_source import TransformSource, listen
from seg3d_ros.node.worker import SegmentationWorker
from seg3d_ros.packages import INSTALL_TEXT, missing_packages
from seg3d_ros.text.vocabulary_files import load_vocabulary_file


class Seg3dNode(LifecycleNode):
    """Frames in, objects out, over ROS.

    configure loads the segmenter and makes publishers and services; activate compiles the
    kernels, then listens to sensors and segments on a timer; deactivate stops both and keeps the
    map; cleanup releases everything.
    """

    def __init__(self, name: str = "seg3d", **options: Any) -> None:
        """Declare the parameters.

        Args:
            name: node name.
            options: passed to `rclpy.lifecycle.LifecycleNode` (namespace, parameter_overrides …).

        Raises:
            ValueError, rclpy.exceptions.ParameterException: a parameter given at start has a value
                that is not allowed.
        """
        super().__init__(name, **options)
        self._log_handler = forward_library_logs(self.get_logger())
        self._perception: Perception | None = None
        self._transforms: TransformSource | None = None
        self._outputs: Outputs | None = None
        self._host: ServiceHost | None = None  # from the first configuration on
        self._offered: Services | None = None  # rclpy has a _services of its own
        self._running: _Running | None = None
        self.settings: AllSettings = declare_parameters(self)
        self._warn_of_unknown_parameters()
        self.add_on_set_parameters_callback(self._check_parameters)
        if self._knows_post_set:
            self.add_post_set_parameters_callback(self._apply_parameters)

    def on_configure(self, state: LifecycleState) -> Result:
        """Load the segmenter, make publishers and services."""
        try:
            self._configure()
        except Exception as error:
            self.get_logger().error(f"cannot be configured: {error}")
            self._release()
            return Result.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> Result:
        """Compile the kernels, listen to the sensors, start to segment."""
        result = super().on_activate(state)  # publishers first: loading a map publishes
        try:
            self._activate()
        except Exception as error:
            self.get_logger().error(f"cannot be activated: {error}")
            self._stop()
            return Result.FAILURE
        return result

    def on_deactivate(self, state: LifecycleState) -> Result:
        """Stop listening and segmenting; map and objects stay."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> Result:
        """Release everything."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> Result:
        """Stop and release everything, from any state."""
        self._stop()
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> Result:
        """Stop and release everything after a transition that raised."""
        self._stop()
        self._release()
        return super().on_error(state)

    def destroy_node(self) -> None:
        """Stop the threads, then take the node down."""
        self._stop()
        self._release()
        stop_forwarding(self._log_handler)
        super().destroy_node()

    @property
    def is_lost(self) -> bool:
        """Whether only a new process can go on; see `DeviceLostError`."""
        return self._running is not None and self._running.is_lost

    def _configure(self) -> None:
        settings = self.settings
        perception = Perception(self._runnable(settings.perception))
        self._set_first_vocabulary(perception)
        frame = settings.node.fixed_frame
        self._perception = perception
        self._transforms = listen(self)
        self._outputs = Outputs(self, fixed_frame=frame, model=perception.segmenter.name)
        if self._host is None:
            self._host = ServiceHost(self, SERVICES)
        self._offered = Services(
            self,
            self._host,
            perception,
            self._outputs,
            self._transforms,
            fixed_frame=frame,
            is_active=lambda: self._running is not None,
            tf_timeout=lambda: self.settings.node.tf_timeout,
        )
        self.get_logger().info(
            f"model {perception.segmenter.name}, "
            f"voxels of {settings.perception.map.voxel_size} m, "
            f"fixed frame {frame!r}, clouds {list(settings.node.point_cloud_topics)}, "
            f"cameras {list(settings.node.cameras)}"
        )

    def _runnable(self, settings: PerceptionSettings) -> PerceptionSettings:
        """The settings, with `geometric` for `mini` where there is no torch."""
        if settings.model != "mini" or not missing_packages(("torch",)):
            return settings
        self.get_logger().warning(
            "mini needs torch, which is not installed: geometric finds the objects instead, "
            f"without naming them. For mini: {INSTALL_TEXT}"
        )
        return dataclasses.replace(settings, model="geometric")

    def _set_first_vocabulary(self, perception: Perception) -> None:
        """The words of the parameter, or a usual list for a model that can use one."""
        words: Sequence[str] = self.settings.node.vocabulary
        if not words and not perception.text_model:
            return
        try:
            perception.set_vocabulary(words or load_vocabulary_file("household"))
        except (
            FileNotFoundError,
            ImportError,
        ) as error:  # objects can be found without being named
            self.get_logger().warning(f"objects stay without names: {error}")

    def _activate(self) -> None:
        if not (self._perception and self._transforms and self._outputs):
            raise RuntimeError("it is not configured")
        log = self.get_logger()
        log.info("warming up; the first start compiles kernels, which takes a minute or two")
        start = time.monotonic()
        self._perception.warm_up()
        log.info(f"warmed up in {time.monotonic() - start:.1f} s")
        self._outputs.publish_vocabulary(self._perception.vocabulary, self._perception.text_model)
        if self.settings.node.map_file and not len(self._perception.map):
            objects, voxels = self._perception.load(self.settings.node.map_file)
            self.get_logger().info(f"map loaded: {objects} objects, {voxels} voxels")
        if self._perception.last is not None:
            self._outputs.publish(self._perception.last, self._perception.vocabulary)
        self._running = _Running(self, self._perception, self._transforms, self._outputs)
        self.get_logger().info("active")

    def _stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def _release(self) -> None:
        if self._offered is not None:
            self._offered.close()
        if self._outputs is not None:
            self._outputs.close(self)
        if self._transforms is not None:
            self._transforms.close()
        self._perception = self._offered = self._outputs = self._transforms = None

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Accept or refuse a change; see `_knows_post_set` for who applies it."""
        try:
            changed(self.settings, parameters)
        except (ValueError, TypeError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        if not self._knows_post_set:
            self._apply_parameters(parameters)
        return SetParametersResult(successful=True)

    @property
    def _knows_post_set(self) -> bool:
        """False in Humble, where a change takes effect with its check."""
        return hasattr(self, "add_post_set_parameters_callback")

    def _warn_of_unknown_parameters(self) -> None:
        given = set(self._parameter_overrides)  # rclpy has no public way to ask for them
        unknown = {name for name in given if not self.has_parameter(name)}
        unknown = {name for name in unknown if not name.startswith("qos_overrides.")}
        if unknown:
            self.get_logger().warning(
                f"unknown parameters are ignored: {', '.join(sorted(unknown))}"
            )

    def _apply_parameters(self, parameters: list[Parameter]) -> None:
        self.settings = changed(self.settings, parameters)
        if self._perception is not None:
            self._perception.apply(self.settings.perception)
        if self._running is not None:
            self._running.apply(self.settings)


class _Running:
    """Parts that exist only while the node is active: sensors, threads, timers."""

    def __init__(
        self,
        node: Seg3dNode,
        perception: Perception,
        transforms: TransformSource,
        outputs: Outputs,
    ) -> None:
        self._node = node
        self._perception = perception
        self._outputs = outputs
        self._frames_segmented = 0
        self._closed = False
        settings = node.settings.node
        self._worker = SegmentationWorker(self._segment)
        self._integrator = Integrator(
            perception,
            transforms,
            fixed_frame=settings.fixed_frame,
            tf_timeout=settings.tf_timeout,
            on_time_jump=self._on_time_jump,
        )
        self._inputs = Inputs(
            node,
            cloud_topics=settings.point_cloud_topics,
            cameras=settings.cameras,
            compressed_color=settings.compressed_color,
            compressed_depth=settings.compressed_depth,
            sync_slop=settings.sync_slop,
            deliver=self._integrator.offer,
        )
        self._integrator.start(self._inputs.records)
        self._diagnostics = Diagnostics(node, perception, self._inputs, self._worker)
        self._timer = node.create_timer(settings.segment_period, self._tick, clock=steady_clock())

    def apply(self, settings: AllSettings) -> None:
        """Take over what can change while the node runs."""
        self._integrator.tf_timeout = settings.node.tf_timeout
        period_ns = round(settings.node.segment_period * 1e9)
        if period_ns != self._timer.timer_period_ns:
            self._timer.timer_period_ns = period_ns
            self._timer.reset()  # else the old period has to end first

    def close(self) -> None:
        """Stop listening, then end the threads."""
        self._closed = True
        self._node.destroy_timer(self._timer)
        self._diagnostics.close()
        self._inputs.close()
        self._integrator.stop()
        self._worker.stop()

    @property
    def is_lost(self) -> bool:
        """Whether no segmentation can end well any more."""
        return self._worker.lost

    def _tick(self) -> None:
        """Segment if the map has changed; else serve clouds to those who came late."""
        last = self._perception.last
        if self._perception.frames != self._frames_segmented:
            self._worker.trigger()
        elif last is not None and self._outputs.lacks_clouds(last):
            self._worker.trigger(lambda: self._outputs.publish_clouds(last))

    def _segment(self) -> None:
        self._frames_segmented = self._perception.frames
        try:
            result = self._perception.segment()
        except EmptyMapError:
            return
        if self._closed:  # it took so long that nobody waited for it
            return
        with self._perception.timings.measure("publish"):
            self._outputs.publish(result, self._perception.vocabulary)

    def _on_time_jump(self) -> None:
        if self._node.settings.node.clear_on_time_jump:
            self._perception.clear()
            self._node.get_logger().warning("map and objects are forgotten (clear_on_time_jump)")
