"""Memory of the node and of a page of it in a real browser, while the map goes on changing.

Each second a camera sees the toy room anew, in which one box is carried about, so objects come,
move and go, and the page is sent what changed. Ends with the growth of both, from the first
tenth of the time on; freed memory is not counted.

    python -m benchmarks.page_memory --minutes 60
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy.stats import theilslopes

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))
from support import measured_node, toy_room
from support.browser import Page, open_page
from support.harness import NodeProcess, Robot
from support.storm import node_options
from support.toy_room import ToyBox

SAMPLES = 60
PLACES = ((-0.4, -1.2), (0.2, -0.8), (0.9, -0.5), (0.2, 0.4), (-0.5, 0.9))


def main() -> None:
    """Print a line for each sample, then the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    print("minutes  node MB  page MB  threads  objects", flush=True)
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for sample in _sample(Path(folder), minutes):
            samples.append(sample)
            print("{:7.1f}  {:7.1f}  {:7.1f}  {:7.0f}  {:>7}".format(*sample), flush=True)
    times, node, page = np.array([sample[:3] for sample in samples[len(samples) // 10 :]]).T
    for name, megabytes in (("node", node), ("page", page)):
        print(f"{name}: {60 * theilslopes(megabytes, times).slope:+.1f} MB an hour")


def _sample(folder: Path, minutes: float) -> Iterator[tuple[float, float, float, int, str]]:
    with _node(folder) as (node, robot), open_page(folder / "browser") as page:
        page.open(re.findall(r"viewer at (\S+)", node.output)[-1] + "?fixedDpr=0.25")
        page.wait_text("objects")
        start = time.monotonic()
        for number in range(SAMPLES):
            while time.monotonic() < start + 60 * minutes * (number + 1) / SAMPLES:
                _show(robot, round(time.monotonic() - start))
            reading = measured_node.read_gauge(folder)
            elapsed = (time.monotonic() - start) / 60
            yield elapsed, reading.megabytes, page.heap_mb(), reading.threads, _objects(page)


@contextmanager
def _node(folder: Path) -> Iterator[tuple[NodeProcess, Robot]]:
    options = node_options(folder) | {
        "segmentation__period": 2.0,
        "viewer__enabled": True,
        "viewer__port": 0,
        "views__memory": 4,
    }
    node = NodeProcess(folder, **options)
    robot = Robot(node.domain)
    try:
        node.wait_for("]: active")
        yield node, robot
    finally:
        robot.close()
        node.stop()


def _show(robot: Robot, second: int) -> None:
    """One view of the room; every half a minute the box stands elsewhere."""
    poses = toy_room.views(6)
    x, y = PLACES[second // 30 % len(PLACES)]
    carried = ToyBox((x, y, 0), (x + 0.3, y + 0.3, 0.4), (230, 190, 40))
    robot.send_view(poses[second % len(poses)], boxes=(*toy_room.BOXES, carried))
    time.sleep(1.0)


def _objects(page: Page) -> str:
    return re.findall(r"([\d,]+) objects", page.text())[0]


if __name__ == "__main__":
    main()
