"""What golden commands take in common, and how a golden's refusal becomes one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.failures import CommandError
from golden import GoldenError

__all__ = ["FILE", "Finite", "common", "guarded", "patient"]

FILE = click.Path(path_type=Path)


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which recordings, and which rules."""
    command = click.option("--rules", type=FILE, help="The rule file; default: the configured one.")(command)
    return click.option("--dir", "folder", type=FILE, help="The recordings; default: the configured folder.")(
        command
    )


class Finite(click.FloatRange):
    """A number in a range; "nan" is in none, though no comparison says so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Raises `click.BadParameter`."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


def patient(command: Callable[..., Any]) -> Callable[..., Any]:
    """How long one answer may take."""
    return click.option(
        "--deadline", type=Finite(0.1, 86_400), default=30.0, show_default=True, help="Seconds per answer."
    )(command)


def guarded(work: Callable[[], Any]) -> Any:
    """What `work` gives; a `GoldenError` is bad usage."""
    try:
        return work()
    except GoldenError as error:
        raise CommandError(str(error)) from error
