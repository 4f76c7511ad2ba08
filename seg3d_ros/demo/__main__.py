"""Entry point of the demo: `python -m seg3d_ros.demo --recording data/demo_room`."""

from __future__ import annotations

import sys

from seg3d_ros.signals import exit_on_signals


def main(args: list[str] | None = None) -> int:
    """Run the demo; returns the exit code of the process."""
    exit_on_signals()  # while it imports; an interrupted import would print its traceback
    from seg3d_ros.demo.command import run_demo

    return run_demo(args)


if __name__ == "__main__":
    sys.exit(main())
