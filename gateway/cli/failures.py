"""How a command ends when it cannot do as asked: one sentence on standard error, and an exit code.

With `--json` the same sentence also stands on standard output, as `{"error": "…"}`.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Final

import click

from gateway.cli.output import harmless

if TYPE_CHECKING:  # a rollback does without the configuration
    from gateway.config import ConfigError

__all__ = ["NO", "UNKNOWN", "CommandError", "config_failure", "ended_by"]

NO: Final = 1
UNKNOWN: Final = 2


class CommandError(click.ClickException):
    """`NO` (1): the answer is no. `UNKNOWN` (2): could not tell, or bad usage."""

    def __init__(self, message: str, code: int = UNKNOWN) -> None:
        super().__init__(message)
        vars(self)["exit_code"] = code  # a class attribute where it comes from

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence, nothing else."""
        message = "\n".join(map(harmless, self.format_message().split("\n")))
        click.echo(f"banyan: {message}", file=file, err=file is None)


def ended_by(error: click.ClickException, *, as_json: bool) -> int:
    """Tell why a command ended → its exit code."""
    error.show()
    if as_json:
        click.echo(json.dumps({"error": error.format_message()}, ensure_ascii=False))
    return error.exit_code


def config_failure(error: ConfigError) -> CommandError:
    """Every problem of a configuration on a line of its own."""
    lines = [str(problem) for problem in error.problems]
    if len(lines) == 1:
        return CommandError(lines[0])
    return CommandError("\n".join(["the configuration is refused:", *(f"  {line}" for line in lines)]))
