"""Parts of the node that exist only while it is active."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.integrator import Integrator
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.node.clock_watch import steady_clock
from seg3d_ros.node.diagnostics import Diagnostics
from seg3d_ros.node.overlay import OverlayPublisher
from seg3d_ros.node.publishers import Publishers
from seg3d_ros.node.settings import AllSettings
from seg3d_ros.node.subscriptions import Subscriptions
from seg3d_ros.node.transform_source import TransformSource


class Running:
    """Parts that exist only while the node is active: sensors, threads, timers."""

    def __init__(
        self,
        node: LifecycleNode,
        settings: AllSettings,
        engine: Engine,
        transforms: TransformSource,
        results: Publishers,
    ) -> None:
        self._node = node
        self._settings = settings
        self._engine = engine
        self._results = results
        self._integrator = Integrator(
            engine,
            transforms,
            fixed_frame=settings.node.fixed_frame,
            tf_timeout=settings.input.tf_timeout,
            on_time_jump=self._on_time_jump,
        )
        self._subscriptions = Subscriptions(
            node,
            cloud_topics=settings.input.point_cloud_topics,
            cameras=settings.input.cameras,
            compressed_color=settings.input.compressed_color,
            compressed_depth=settings.input.compressed_depth,
            sync_slop=settings.input.sync_slop,
            deliver=self._integrator.offer,
        )
        self._integrator.start(self._subscriptions.stats)
        self._diagnostics = Diagnostics(node, engine, self._subscriptions)
        self._overlay = OverlayPublisher(node, engine)
        results.begin()
        self._publishing = engine.subscribe(self._publish)
        self._encoding = engine.subscribe(engine.view_encoding.request)
        self._timer = node.create_timer(
            settings.segmentation.period, self._tick, clock=steady_clock()
        )

    def apply(self, settings: AllSettings) -> None:
        """Take over what can change while the node runs."""
        self._settings = settings
        self._integrator.tf_timeout = settings.input.tf_timeout
        period_ns = round(settings.segmentation.period * 1e9)
        if period_ns != self._timer.timer_period_ns:
            self._timer.timer_period_ns = period_ns
            self._timer.reset()  # else the old period has to end first

    def close(self) -> None:
        """Stop listening, then end the threads."""
        self._engine.unsubscribe(self._publishing)
        self._engine.unsubscribe(self._encoding)
        self._node.destroy_timer(self._timer)
        self._diagnostics.close()
        self._overlay.close()
        self._subscriptions.close()
        self._integrator.stop()

    def _tick(self) -> None:
        """Segment if the map has changed; else serve clouds to those who came late."""
        state = self._engine.state
        if self._engine.is_due():
            self._engine.background.request()
        elif self._results.lacks_clouds(state):
            self._publishing.offer(state)

    def _publish(self, state: WorldState) -> None:
        with self._engine.timings.measure("publish"):
            self._results.publish(state)

    def _on_time_jump(self) -> None:
        if self._settings.node.clear_on_time_jump:
            self._engine.clear()
            self._node.get_logger().warning(
                "map and objects are forgotten (node.clear_on_time_jump)"
            )
