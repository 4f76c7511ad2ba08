"""Entry point of the executable `player`."""

from __future__ import annotations

import sys

from seg3d_ros.signals import exit_on_signals


def main(args: list[str] | None = None) -> int:
    """Run the player; returns the exit code of the process."""
    exit_on_signals()  # while it imports; an interrupted import would print its traceback
    from seg3d_ros.demo.recording_player import run_player

    return run_player(sys.argv if args is None else args)


if __name__ == "__main__":
    sys.exit(main())
