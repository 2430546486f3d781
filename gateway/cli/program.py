"""The program: all commands under one name. A user's mistake never ends in a traceback."""

from __future__ import annotations

import os
import sys

import click

from gateway.cli.check import check
from gateway.cli.dial import dial
from gateway.cli.diffs import diffs
from gateway.cli.explain import explain
from gateway.cli.golden import golden
from gateway.cli.ledger import ledger
from gateway.cli.options import shared
from gateway.cli.report import report
from gateway.cli.rollback import restore, rollback
from gateway.cli.run import run
from gateway.cli.status import status

__all__ = ["main", "program"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="banyan-gateway", prog_name="banyan")
@shared
def program() -> None:
    """A gateway between a legacy application and its replacement: dial, compare, take back."""


for _command in (run, check, status, dial, rollback, restore, explain, diffs, report, ledger, golden):
    program.add_command(_command)


def main() -> None:
    """Entry of `banyan` and of `python -m gateway`."""
    try:
        program(prog_name="banyan")
    except Exception as error:
        if os.environ.get("BANYAN_DEBUG"):
            raise
        click.echo(
            f"banyan: unexpected: {type(error).__name__}: {error} (BANYAN_DEBUG=1 shows where)", err=True
        )
        sys.exit(2)
