"""`banyan ledger` and `banyan ledger verify`; read from the disk when nobody answers, since history
outlives processes.
"""

from __future__ import annotations

from typing import Any

import click
import msgspec

from flags import Ledger
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
    if what is None:
        _print(settings, _entries(settings, limit))
        return
    problems = _problems(settings)
    if settings.as_json:
        print_json({"intact": not problems, "problems": problems})
    else:
        say("\n".join(problems) or "The ledger is intact.")
    if problems:
        context.exit(NO)


def _entries(settings: Settings, limit: int) -> list[dict[str, Any]]:
    client = AdminClient(settings)
    if _elsewhere(settings) or client.alive(0.3):
        found: list[dict[str, Any]] = client.ask("/ledger", limit=limit)
        return found
    try:
        return [msgspec.to_builtins(entry) for entry in Ledger(settings.state_dir()).entries(limit)]
    except OSError as error:
        raise CommandError(f"the ledger cannot be read: {error.strerror}.") from error


def _problems(settings: Settings) -> list[str]:
    if _elsewhere(settings):
        found: list[str] = AdminClient(settings).ask("/ledger/verify")["problems"]
        return found
    try:
        return Ledger(settings.state_dir()).verify()
    except OSError as error:
        raise CommandError(f"the ledger cannot be read: {error.strerror}.") from error


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
