"""World states, one after another: what the engine knows, and who listens."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.subscription import Listener, Listeners, Subscription
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.mapping.keyframes.store import KeyframeStore
from seg3d_ros.objects.best_views import BestViews
from seg3d_ros.objects.object_map import ObjectMap


class WorldStates:
    """Makes the next state of what changes under its lock, and tells the listeners.

    Attributes:
        lock: held during each change; no network runs under it.
        objects: those that are tracked.
        keyframes: pictures of the map.
        newest: the newest state.
    """

    def __init__(self, settings: PerceptionSettings) -> None:
        self.lock = threading.Lock()
        self.objects = ObjectMap(settings.tracking)
        self.keyframes = KeyframeStore(settings.views)
        self.newest = WorldState()
        self._best_views = BestViews()
        self._listeners = Listeners()

    def subscribe(self, listener: Listener) -> Subscription:
        """Call a listener with the newest world state, now and after every change."""
        with self.lock:
            return self._listeners.add(listener, self.newest)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        with self.lock:
            self._listeners.remove(subscription)

    def close(self) -> None:
        """End all subscriptions."""
        with self.lock:
            self._listeners.close()

    def advance(self, **changes: Any) -> WorldState:
        """Make the next world state and tell the listeners; called under the lock."""
        state = replace(
            self.newest,
            version=self.newest.version + 1,
            objects=self.objects.confirmed(),
            events=self.objects.events(),
            prototypes=self.objects.prototypes(),
            **changes,
        )
        if state.scene is not None:
            keyframes = self.keyframes.all()
            found = self._best_views.update(state.objects, state.scene.grid, keyframes)
            self.keyframes.keep(self._best_views.in_use)
            state = replace(
                state, stamp_ns=state.scene.stamp_ns, keyframes=keyframes, best_views=found
            )
        self.newest = state
        self._listeners.tell(state)
        return state

    def begin_epoch(self, **changes: Any) -> WorldState:
        """Make the first state of another map; called under the lock."""
        self._best_views.clear()
        return self.advance(epoch=self.newest.epoch + 1, semantic=None, **changes)
