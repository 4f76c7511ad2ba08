"""The command `seg3d`: entry point of the executable."""

from __future__ import annotations

from collections.abc import Sequence

from seg3d_ros.signals import INTERRUPTED, exit_on_signals, exiting_on_signals
from seg3d_ros.threads import configure_openmp


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code of the process: 2 for bad input."""
    configure_openmp()
    with exiting_on_signals():
        import click

        from seg3d_ros.cli.commands import cli

    try:
        code = cli.main(args, prog_name="seg3d", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"seg3d: {error.format_message()}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        exit_on_signals()  # a second one does not wait for the interpreter to end
        click.echo("seg3d: interrupted", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0
