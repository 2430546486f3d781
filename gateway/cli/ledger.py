"""`banyan ledger` and `banyan ledger verify`; read from the disk when nobody answers, since history
outlives processes.
"""

from __future__ import annotations

from typing import Any

import click
import msgspec

from flags import Ledger, StateFile
from gateway.cli.client import AdminClient
from gateway.cli.failures import NO, CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings

__all__ = ["ledger"]


@click.command()
@click.argument("what", required=False, type=click.Choice(["verify"]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@shared
@pass_settings
@click.pass_context
def ledger(context: click.Context, settings: Settings, what: str | None, limit: int) -> None:
    """Who changed what, when, why, on what evidence; `verify` proves that nothing was altered."""
    problems = _problems(settings)
    if what is None:
        _list(context, settings, _entries(settings, limit), problems)
        return
    if settings.as_json:
        print_json({"intact": not problems, "problems": problems})
    else:
        say("\n".join(problems) or "The ledger is intact.")
    if problems:
        context.exit(NO)


def _list(
    context: click.Context, settings: Settings, entries: list[dict[str, Any]], problems: list[str]
) -> None:
    """What can be read is shown; what is wrong is never passed over."""
    if not problems:
        _print(settings, entries)
    elif not entries:
        raise CommandError(" ".join(problems), NO)
    else:
        _print(settings, entries)
        click.echo(f"banyan: {' '.join(problems)}", err=True)
        context.exit(NO)


def _entries(settings: Settings, limit: int) -> list[dict[str, Any]]:
    client = AdminClient(settings)
    if _elsewhere(settings) or client.alive(0.3):
        found: list[dict[str, Any]] = client.ask("/ledger", limit=limit)
        return found
    try:
        return [msgspec.to_builtins(entry) for entry in Ledger(settings.state_dir()).entries(limit)]
    except OSError as error:
        raise _unreadable(error) from error


def _problems(settings: Settings) -> list[str]:
    if _elsewhere(settings):
        found: list[str] = AdminClient(settings).ask("/ledger/verify")["problems"]
        return found
    folder = settings.state_dir()
    state = StateFile(folder)
    begun = state.path.exists() or state.previous.exists()
    ledger = Ledger(folder)
    if not begun and not ledger.path.exists() and not ledger.head.exists():
        raise CommandError(
            f"no gateway has run on the state folder {folder} yet, so there is no ledger; name another "
            "configuration with -c FILE."
        )
    try:
        return ledger.verify(begun=begun)
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> CommandError:
    return CommandError(f"the ledger {error.filename} cannot be read: {error.strerror}.")


def _elsewhere(settings: Settings) -> bool:
    return settings.admin is not None


def _print(settings: Settings, entries: list[dict[str, Any]]) -> None:
    if settings.as_json:
        print_json(entries)
        return
    rows = [
        (
            one["seq"],
            one["time"],
            one["actor"],
            one["action"],
            one["feature"] or "everything",
            _change(one),
            one["reason"],
        )
        for one in entries
    ]
    table(("no", "time", "who", "what", "feature", "change", "why"), rows, nothing="Nothing was changed yet.")


def _change(entry: dict[str, Any]) -> str:
    return f"{entry['old']} -> {entry['new']}"
