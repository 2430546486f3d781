"""What golden commands take in common, and how a golden's refusal becomes one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.failures import CommandError
from golden import GoldenError

__all__ = ["FILE", "common", "guarded"]

FILE = click.Path(path_type=Path)


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which recordings, and which rules."""
    command = click.option("--rules", type=FILE, help="The rule file; default: the configured one.")(command)
    return click.option("--dir", "folder", type=FILE, help="The recordings; default: the configured folder.")(
        command
    )


def guarded(work: Callable[[], Any]) -> Any:
    """What `work` gives; a `GoldenError` is bad usage."""
    try:
        return work()
    except GoldenError as error:
        raise CommandError(str(error)) from error
