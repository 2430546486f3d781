"""The program: all commands under one name. A user's mistake never ends in a traceback."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final, cast

import click

from gateway.cli.failures import UNKNOWN, CommandError, ended_by
from gateway.cli.options import shared

__all__ = ["main", "program"]

_COMMANDS: Final = {
    "run": "run",
    "shadow": "shadow",
    "check": "check",
    "status": "status",
    "dial": "dial",
    "approve": "approve",
    "plan": "plan",
    "freeze": "plan",
    "thaw": "plan",
    "rollback": "rollback",
    "restore": "rollback",
    "force": "force",
    "explain": "explain",
    "diffs": "diffs",
    "report": "report",
    "ledger": "ledger",
    "token": "token",
    "alerts": "alerts",
    "golden": "golden",
}
"""Every command, and the module of this package that it is in."""
_INTERRUPTED: Final = 130  # what shells say of a program that Ctrl-C ended


class _Commands(click.Group):
    """Loads a command when it is asked for: a rollback at night does not wait for the parts of another
    command.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        return cast(click.Command, getattr(import_module(f"gateway.cli.{module}"), cmd_name))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="banyan-gateway", prog_name="banyan")
@shared
def program() -> None:
    """A gateway between a legacy application and its replacement: dial, compare, take back."""


def main() -> None:
    """Entry of `banyan` and of `python -m gateway`."""
    as_json = "--json" in sys.argv[1:]  # asked here, since a command line that is wrong was not read whole
    try:
        code = program.main(prog_name="banyan", standalone_mode=False)
    except click.Abort:
        sys.exit(_INTERRUPTED)
    except click.ClickException as error:
        sys.exit(ended_by(error, as_json=as_json))
    except Exception as error:
        if os.environ.get("BANYAN_DEBUG"):
            raise
        unexpected = f"unexpected: {type(error).__name__}: {error} (BANYAN_DEBUG=1 shows where)"
        sys.exit(ended_by(CommandError(unexpected, UNKNOWN), as_json=as_json))
    sys.exit(code if isinstance(code, int) else 0)
