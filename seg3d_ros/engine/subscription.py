"""Listeners of the engine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from seg3d_ros.engine.world_state import WorldState

log = logging.getLogger(__name__)

Listener = Callable[[WorldState], None]


class Subscription:
    """Delivers world states to one listener in a thread of its own, the newest first.

    A listener that is slower than the changes skips states; it never gets an older one after a
    newer one.
    """

    def __init__(self, listener: Listener, first: WorldState) -> None:
        """Deliver `first`, then what `offer` brings."""
        self._listener = listener
        self._newest: WorldState | None = first
        self._version = first.version
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def offer(self, state: WorldState) -> None:
        """Deliver a state, unless a newer one was offered; the same one is delivered again."""
        with self._wake:
            if state.version >= self._version:
                self._newest, self._version = state, state.version
                self._wake.notify()

    def close(self) -> None:
        """Deliver nothing more; a call of the listener that runs ends by itself."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._newest is not None or self._closed)
                if self._closed or self._newest is None:
                    return
                state, self._newest = self._newest, None
            try:
                self._listener(state)
            except Exception:
                log.exception("a listener failed on state %d", state.version)


class Listeners:
    """Subscriptions to the states of one engine; not thread-safe, its owner holds a lock."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def add(self, listener: Listener, state: WorldState) -> Subscription:
        """Begin a subscription with a state."""
        self._subscriptions.append(Subscription(listener, state))
        return self._subscriptions[-1]

    def remove(self, subscription: Subscription) -> None:
        """End a subscription."""
        self._subscriptions.remove(subscription)
        subscription.close()

    def tell(self, state: WorldState) -> None:
        """Deliver the next state to all."""
        for subscription in self._subscriptions:
            subscription.offer(state)

    def close(self) -> None:
        """End all subscriptions."""
        while self._subscriptions:
            self.remove(self._subscriptions[-1])
