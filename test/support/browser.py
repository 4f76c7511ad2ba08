"""A headless Chromium that is told over its DevTools protocol what to open and to photograph."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from support.waiting import PATIENCE

WIDTH, HEIGHT = 1280, 863
_PATIENCE_S = 120.0 * PATIENCE  # machines that run tests are shared
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # WebGL without a GPU
    f"--window-size={WIDTH},{HEIGHT}", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """The one tab of the browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._calls = 0

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is loaded."""
        self._call("Page.enable")
        self._call("Page.navigate", url=url)
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def leave(self) -> None:
        """Go to an empty page: the last one is drawn no more, and its server has one less."""
        self._call("Page.navigate", url="about:blank")

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression; RuntimeError where it throws."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Show the page as a screen of this size does, pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 700,
        )  # fmt: skip

    def click(self, x: float, y: float) -> None:
        """Press and release the pointer at a pixel."""
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            self._call(
                "Input.dispatchMouseEvent", type=kind, x=float(x), y=float(y), button="left",
                buttons=buttons, clickCount=1,
            )  # fmt: skip

    def type_text(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def press_left(self) -> None:
        """Press and release the arrow to the left."""
        for kind in ("rawKeyDown", "keyUp"):
            self._call(
                "Input.dispatchKeyEvent", type=kind, key="ArrowLeft", code="ArrowLeft",
                windowsVirtualKeyCode=37,
            )  # fmt: skip

    def replace_text(self, label: str, text: str) -> None:
        """Type into the input beside a label, over what stands there."""
        self.click_field(label)
        self.evaluate("document.activeElement.select()")
        self.type_text(text)

    def text(self) -> str:
        """All text on the page, that of fields included."""
        fields = "[...document.querySelectorAll('input,textarea')].map(i => i.value)"
        return str(self.evaluate(f"[document.body.innerText, ...{fields}].join('\\n')"))

    def wait_text(self, *parts: str) -> None:
        """Wait until the page shows all these texts."""
        end = time.monotonic() + _PATIENCE_S
        while not all(part in self.text() for part in parts):
            if time.monotonic() > end:
                raise AssertionError(f"the page never showed {parts}; it shows: {self.text()}")
            time.sleep(0.3)

    def click_text(self, text: str) -> None:
        """Click the smallest element that shows exactly a text, as soon as there is one."""
        self._until(f"(e => {{ e?.click(); return !!e; }})({_smallest(text)})", text)

    def open_tab(self, name: str, *, shows: str) -> None:
        """Click with the pointer on a tab until what it holds is shown.

        Tabs do not listen to clicks that scripts make, and move while the page is built.
        """
        end = time.monotonic() + _PATIENCE_S
        while shows not in self.text():
            if time.monotonic() > end:
                raise AssertionError(f"the tab {name!r} never showed {shows!r}")
            middle = "[b.x + b.width / 2, b.y + b.height / 2]"
            box = f"{_smallest(name)}?.getBoundingClientRect()"
            self.click(*self._until(f"(b => b && {middle})({box})", name))
            time.sleep(1.0)

    def click_field(self, label: str) -> None:
        """Give the focus to the input beside a label, as soon as there is one."""
        self._until(
            f"""(() => {{
            const kind = 'input:not([type=hidden]),textarea';
            let row = [...document.querySelectorAll('label')]
                .find(e => e.innerText.trim() === {json.dumps(label)});
            while (row && !row.querySelector(kind)) row = row.parentElement;
            const field = row?.querySelector(kind);
            field?.focus();
            field?.click();
            return !!field;
        }})()""",
            label,
        )

    def _until(self, expression: str, what: str) -> Any:
        """Evaluate a JavaScript expression until it is true; its value."""
        end = time.monotonic() + _PATIENCE_S
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise AssertionError(f"the page never showed {what!r}; it shows: {self.text()}")
            time.sleep(0.3)
        return value

    def heap_mb(self) -> float:
        """Memory of the page's objects, elements and arrays, MB, after a garbage collection."""
        self._call("HeapProfiler.collectGarbage")
        usage = self._call("Runtime.getHeapUsage")
        kinds = ("usedSize", "embedderHeapUsedSize", "backingStorageSize")
        return sum(usage.get(kind, 0.0) for kind in kinds) / 2**20

    def photograph(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB of what the tab shows."""
        data = base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def wait_for(self, condition: Callable[[np.ndarray], bool]) -> np.ndarray:
        """The first photograph that fulfils a condition; fails if none comes."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            picture = self.photograph()
            if condition(picture):
                return picture
            time.sleep(0.5)
        raise AssertionError("the page never showed what was expected")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while (answer := self._receive()).get("id") != self._calls:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        return json.loads(self._socket.recv(timeout=_PATIENCE_S))


def _smallest(text: str) -> str:
    """JavaScript for the smallest element that shows exactly a text."""
    return (
        "[...document.querySelectorAll('button,label,p,span,div,[role=option]')]"
        f".filter(e => e.innerText?.trim() === {json.dumps(text)} && e.offsetParent).pop()"
    )


@contextlib.contextmanager
def open_page(folder: Path) -> Iterator[Page]:
    """A tab of a new Chromium whose profile is in `folder`; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser: install chromium")
    client = pytest.importorskip("websockets.sync.client", reason="viser is not installed")
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"], stderr=subprocess.DEVNULL
    )
    try:
        with client.connect(_tab(folder), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE_S)


def _tab(folder: Path) -> str:
    """Address of the tab's socket, once the browser has written down its port."""
    note = folder / "DevToolsActivePort"
    end = time.monotonic() + _PATIENCE_S
    while not (note.is_file() and note.read_text().count("\n")):
        if time.monotonic() > end:
            raise AssertionError("Chromium did not start")
        time.sleep(0.1)
    port = note.read_text().splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        tabs = json.load(answer)
    return next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
