"""Run every benchmark, print one table, write bench.json.

python -m benchmarks.run                 all stages, and the node at 30 Hz
python -m benchmarks.run --soak 3600     memory of the node over an hour of input
python -m benchmarks.run --storm 600     everything wrong at once for ten minutes
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks.table import Row, print_table
from seg3d_ros.files import replacing

HERE = Path(__file__).parent
RESULT = Path("bench.json")
NEED_ROS = ("bench_messages", "bench_node", "bench_storm")
QUICK_FRAMES = 90


def main() -> int:
    """Do what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure the package beside yardsticks.")
    parser.add_argument("--quick", action="store_true", help="shorter streams")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="only the memory curve")
    parser.add_argument("--storm", type=float, metavar="SECONDS", help="only the storm")
    options = parser.parse_args()
    if options.soak:
        return _soak(options.soak)
    if options.storm:
        return _storm(options.storm)
    rows = []
    for name in _benchmarks():
        print(f"running {name} ...", file=sys.stderr)
        arguments = {"frames": QUICK_FRAMES} if options.quick and name == "bench_node" else {}
        rows += importlib.import_module(f"benchmarks.{name}").run(**arguments)
    print_table(rows)
    _write(rows)
    return 0


def _benchmarks() -> list[str]:
    """Names of all that can run here."""
    has_ros = importlib.util.find_spec("rclpy") is not None
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    return [name for name in names if has_ros or name not in NEED_ROS]


def _soak(seconds: float) -> int:
    from benchmarks.bench_node import soak

    for line in soak(seconds):
        print(line, flush=True)
    return 0


def _storm(seconds: float) -> int:
    from benchmarks.bench_storm import run

    print_table(run(seconds=seconds))
    return 0


def _write(rows: list[Row]) -> None:
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    machine |= {"machine": platform.machine(), "system": platform.platform()}
    values = [{**dataclasses.asdict(row), "ratio": row.ratio} for row in rows]
    with replacing(RESULT) as temporary:
        temporary.write_text(json.dumps({"machine": machine, "rows": values}, indent=2) + "\n")
    print(f"\nwritten: {RESULT}")


if __name__ == "__main__":
    sys.exit(main())
