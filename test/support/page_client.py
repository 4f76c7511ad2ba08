"""A page without a browser: it tells where its camera is, and keeps what the server sends."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from support.waiting import wait_until

QUIET_S = 1.5  # a server that has something to send does so sooner


class PageClient:
    """Speaks viser's protocol over a real socket.

    Attributes:
        bytes: number received so far.
        messages: decoded, without binary data.
        counts: points of each cloud that the page shows, by the name of its node.
    """

    def __init__(self, port: int, *, eye: tuple[float, float, float]) -> None:
        import viser

        client = pytest.importorskip("websockets.sync.client")
        self.bytes = 0
        self.messages: list[dict[str, Any]] = []
        self.counts: dict[str, int] = {}
        self._heard = time.monotonic()
        self._socket = client.connect(
            f"ws://127.0.0.1:{port}", subprotocols=[f"viser-v{viser.__version__}"],
            max_size=None, compression=None,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        self.look_from(eye)

    def look_from(self, eye: tuple[float, float, float]) -> None:
        """Put the camera somewhere, looking along x."""
        import msgspec

        message = {
            "type": "ViewerCameraMessage", "wxyz": (0.5, -0.5, 0.5, -0.5), "position": eye,
            "fov": 0.8, "near": 0.01, "far": 1000.0, "image_height": 720, "image_width": 1280,
            "look_at": tuple(np.add(eye, (1.0, 0.0, 0.0)).tolist()),
            "up_direction": (0.0, 0.0, 1.0),
        }  # fmt: skip
        self._socket.send(msgspec.msgpack.encode(message))

    def wait_for_quiet(self) -> None:
        """Wait until nothing comes for a while, and something has come."""
        asked = time.monotonic()
        wait_until(
            lambda: self.counts and time.monotonic() - max(self._heard, asked) > QUIET_S, "quiet",
            deadline_s=60.0,
        )  # fmt: skip

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _read(self) -> None:
        import msgspec
        import zstandard
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                frame = self._socket.recv()
            except ConnectionClosed:
                return
            packed = frame[16 : 16 + int.from_bytes(frame[8:16], "little")]
            content = msgspec.msgpack.decode(zstandard.decompress(packed))
            for message in content["messages"]:
                self._note(message, content["binaryBufferLengths"])
            self.bytes += len(frame)
            self._heard = time.monotonic()

    def _note(self, message: dict[str, Any], lengths: list[int]) -> None:
        self.messages.append(message)
        name = message.get("name", "")
        if message["type"] == "PointCloudMessage":
            self.counts[name] = lengths[message["props"]["points"]["__binary_index"]] // 6
        elif message["type"] == "RemoveSceneNodeMessage":
            self.counts.pop(name, None)
