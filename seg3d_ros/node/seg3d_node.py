"""Lifecycle node `seg3d`: a shell around the `Engine`.

Threads: the executor's thread runs callbacks and timers, which only hand things over; the
integrator's thread decodes and fuses; those of the engine's job queue segment and answer requests;
one listens to the engine and publishes.
"""

from __future__ import annotations

import time
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn as Result
from rclpy.parameter import Parameter

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.errors import InputError
from seg3d_ros.node.heap import give_back_free_memory
from seg3d_ros.node.logging import RosLogHandler, forward_library_logs, stop_forwarding
from seg3d_ros.node.old_parameters import refuse_old_names
from seg3d_ros.node.parameters import changed, declare_parameters
from seg3d_ros.node.publishers import Publishers
from seg3d_ros.node.running import Running
from seg3d_ros.node.service_host import ServiceHost
from seg3d_ros.node.services import SERVICES, Services
from seg3d_ros.node.settings import AllSettings
from seg3d_ros.node.transform_source import TransformSource, listen
from seg3d_ros.node.transitions import refuse_impossible_transitions
from seg3d_ros.packages import INSTALL_TEXT, missing_packages
from seg3d_ros.settings import with_values
from seg3d_ros.viewer.viewer import Viewer


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
        refuse_impossible_transitions(self)
        self._log_handler: RosLogHandler | None = None
        self._engine: Engine | None = None
        self._transforms: TransformSource | None = None
        self._results: Publishers | None = None  # rclpy has _publishers of its own
        self._host: ServiceHost | None = None  # from the first configuration on
        self._offered: Services | None = None  # rclpy has a _services of its own
        self._running: Running | None = None
        self._viewer: Viewer | None = None
        refuse_old_names(self._parameter_overrides)  # rclpy has no public way to ask for them
        self.settings: AllSettings = declare_parameters(self)
        self._warn_of_unknown_parameters()
        self.add_on_set_parameters_callback(self._check_parameters)
        if self._knows_post_set:
            self.add_post_set_parameters_callback(self._apply_parameters)
        # Last: of a node that is refused, nothing may stay behind.
        self._log_handler = forward_library_logs(self.get_logger())

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
        if self._log_handler is not None:
            stop_forwarding(self._log_handler)
        super().destroy_node()

    @property
    def is_lost(self) -> bool:
        """Whether only a new process can go on; see `DeviceLostError`."""
        return self._engine is not None and self._engine.models.device_lost

    def _configure(self) -> None:
        settings = self.settings
        engine = Engine(self._runnable(settings))
        self._engine = engine
        engine.models.load()
        self._set_first_vocabulary(engine)
        frame = settings.node.fixed_frame
        model = engine.models.segmenter.name
        self._transforms = listen(self)
        self._results = Publishers(
            self, fixed_frame=frame, model=model, text_model=engine.models.text_model
        )
        if self._host is None:
            self._host = ServiceHost(self, SERVICES)
        self._offered = Services(
            self,
            self._host,
            engine,
            self._transforms,
            fixed_frame=frame,
            is_active=lambda: self._running is not None,
            tf_timeout=lambda: self.settings.input.tf_timeout,
        )
        self._open_viewer(engine)
        self.get_logger().info(
            f"model {model}, "
            f"voxels of {settings.map.voxel_size} m, "
            f"fixed frame {frame!r}, clouds {list(settings.input.point_cloud_topics)}, "
            f"cameras {list(settings.input.cameras)}"
        )

    def _runnable(self, settings: PerceptionSettings) -> PerceptionSettings:
        """The settings, with `geometric` for `mini` where there is no torch."""
        if settings.segmentation.model != "mini" or not missing_packages(("torch",)):
            return settings
        self.get_logger().warning(
            "mini needs torch, which is not installed: geometric finds the objects instead, "
            f"without naming them. For mini: {INSTALL_TEXT}"
        )
        return with_values(settings, {"segmentation.model": "geometric"})

    def _open_viewer(self, engine: Engine) -> None:
        """Serve the page if it is asked for; a robot goes on without it."""
        settings = self.settings
        if not settings.viewer.enabled:
            return
        try:
            self._viewer = Viewer(
                engine,
                settings.viewer,
                title=self.get_name(),
                fixed_frame=settings.node.fixed_frame,
            )
        except (OSError, ImportError) as error:
            self.get_logger().error(f"no viewer: {error}")
            return
        self.get_logger().info(f"viewer at {self._viewer.url}")

    def _set_first_vocabulary(self, engine: Engine) -> None:
        try:
            engine.set_first_vocabulary(self.settings.text.vocabulary)
        except (FileNotFoundError, ImportError) as error:  # objects can be found without names
            self.get_logger().warning(f"objects stay without names: {error}")

    def _activate(self) -> None:
        if not (self._engine and self._transforms and self._results):
            raise RuntimeError("it is not configured")
        log = self.get_logger()
        log.info("warming up; the first start compiles kernels, which takes half a minute or more")
        start = time.monotonic()
        self._engine.warm_up()
        log.info(f"warmed up in {time.monotonic() - start:.1f} s")
        node = self.settings.node
        if node.map_file and not len(self._engine.map):
            report = self._engine.load(node.map_file, fixed_frame=node.fixed_frame)
            log.info(f"map loaded: {report.objects} objects, {report.voxels} voxels")
        self._running = Running(self, self.settings, self._engine, self._transforms, self._results)
        log.info("active")

    def _stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def _release(self) -> None:
        if self._offered is not None:
            self._offered.close()
        if self._viewer is not None:
            self._viewer.close()
        if self._engine is not None:
            self._engine.close()
        if self._results is not None:
            self._results.close(self)
        if self._transforms is not None:
            self._transforms.close()
        self._engine = self._offered = self._results = self._transforms = self._viewer = None
        give_back_free_memory()

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Accept or refuse a change; see `_knows_post_set` for who applies it."""
        try:
            self._changed(parameters)
        except InputError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if not self._knows_post_set:
            self._apply_parameters(parameters)
        return SetParametersResult(successful=True)

    @property
    def _knows_post_set(self) -> bool:
        """False in Humble, where a change takes effect with its check."""
        return hasattr(self, "add_post_set_parameters_callback")

    def _changed(self, parameters: list[Parameter]) -> AllSettings:
        return changed(self.settings, parameters, configured=self._engine is not None)

    def _warn_of_unknown_parameters(self) -> None:
        unknown = {name for name in self._parameter_overrides if not self.has_parameter(name)}
        unknown = {name for name in unknown if not name.startswith("qos_overrides.")}
        if unknown:
            self.get_logger().warning(
                f"unknown parameters are ignored: {', '.join(sorted(unknown))}"
            )

    def _apply_parameters(self, parameters: list[Parameter]) -> None:
        self.settings = self._changed(parameters)
        if self._engine is not None:
            self._engine.apply(self.settings)
        if self._running is not None:
            self._running.apply(self.settings)
