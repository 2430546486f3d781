"""What commands take in common: the global options, in front of the command or behind it, and reason and
author.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from gateway.cli.failures import CommandError
from gateway.cli.settings import Settings, checked_url

__all__ = ["changing", "optional_change", "pass_settings", "seconds_of", "shared", "taking_back"]

F = TypeVar("F", bound=Callable[..., Any])

pass_settings = click.make_pass_decorator(Settings, ensure=True)

_LONGEST_REASON: Final = 2000
_TIME: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


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


def optional_change(command: F) -> F:
    """The same for a command that may also only ask: it has to look for the reason itself."""
    command = _by_whom(command)
    return click.option("--reason", default="", metavar="TEXT", callback=_said, help="Why; for the ledger.")(
        command
    )


def _by_whom(command: F) -> F:
    return click.option(
        "--by", default=_user, show_default="the user", callback=_said, help="Who; for the ledger."
    )(command)


def changing(command: F) -> F:
    """What every command that changes something takes: why, and who."""
    return _with_reason(_by_whom(command), _reason)


def taking_back(command: F) -> F:
    """The same for what may not fail because somebody says too much: of a long reason the beginning is
    kept.
    """
    return _with_reason(_by_whom(command), _beginning_of_reason)


def _with_reason(command: F, callback: Callable[[click.Context, click.Parameter, str], str]) -> F:
    return click.option(
        "--reason", required=True, metavar="TEXT", callback=callback, help="Why; for the ledger."
    )(command)


def seconds_of(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A time such as 90s, 30m, 1h or 7d → seconds."""
    if value is None:
        return None
    found = _TIME.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"expected a time such as 90s, 30m, 1h or 7d, not {value!r}.")
    return float(found[1]) * _SECONDS[found[2]]


def _said(context: click.Context, parameter: click.Parameter, value: str) -> str:
    # What stands for a byte that is no UTF-8 can be neither sent nor kept; it keeps nobody from rolling back.
    return value.encode("utf-8", "backslashreplace").decode()


def _beginning_of_reason(context: click.Context, parameter: click.Parameter, value: str) -> str:
    value = _said(context, parameter, value).strip()
    if not value:
        raise click.BadParameter(
            'it is empty; say in a few words why, such as --reason "wrong totals": the ledger keeps it.'
        )
    return value[:_LONGEST_REASON]


def _reason(context: click.Context, parameter: click.Parameter, value: str) -> str:
    _beginning_of_reason(context, parameter, value)
    value = _said(context, parameter, value)
    if len(value) > _LONGEST_REASON:
        raise click.BadParameter(f"at most {_LONGEST_REASON} characters are kept; this has {len(value)}.")
    return value


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "unknown"
