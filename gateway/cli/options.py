"""What commands take in common: the global options, in front of the command or behind it, and reason and
author.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from gateway.cli.failures import CommandError
from gateway.cli.settings import Settings, checked_url

__all__ = ["changing", "pass_settings", "shared"]

F = TypeVar("F", bound=Callable[..., Any])

pass_settings = click.make_pass_decorator(Settings, ensure=True)

_LONGEST_REASON: Final = 2000


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    settings = context.ensure_object(Settings)
    if value in (None, False):
        return
    if parameter.name == "config_path" and not Path(value).exists():
        # Also where a state folder lies beside it: the one who mistyped a name means another gateway.
        raise CommandError(f"There is no configuration file {value}; name another one with -c FILE.")
    setattr(
        settings, str(parameter.name), checked_url(value, "--admin") if parameter.name == "admin" else value
    )


def shared(command: F) -> F:
    """The global options. The same before and after the command's name; the later one counts."""
    for flags, more in (
        (("--json", "as_json"), {"is_flag": True, "help": "Machine-readable output with stable keys."}),
        (("--token-file",), {"metavar": "FILE", "help": "The admin token; default: the state folder's."}),
        (("--admin",), {"metavar": "URL", "help": "The admin port; default: the one that is configured."}),
        (("-c", "--config", "config_path"), {"metavar": "FILE", "help": "Default: banyan.toml."}),
    ):
        options: dict[str, Any] = {**more, "expose_value": False, "callback": _store, "is_eager": True}
        command = click.option(*flags, **options)(command)
    return command


def changing(command: F) -> F:
    """What every command that changes something takes: why, and who."""
    command = click.option("--by", default=_user, show_default="the user", help="Who; for the ledger.")(
        command
    )
    return click.option(
        "--reason", required=True, metavar="TEXT", callback=_reason, help="Why; for the ledger."
    )(command)


def _reason(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter(
            'it is empty; say in a few words why, such as --reason "wrong totals": the ledger keeps it.'
        )
    if len(value) > _LONGEST_REASON:
        raise click.BadParameter(f"at most {_LONGEST_REASON} characters are kept; this has {len(value)}.")
    return value


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "unknown"
