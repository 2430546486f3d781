"""`banyan diffs [FEATURE]` and `banyan diffs show ID`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from gateway.cli.client import AdminClient
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings

__all__ = ["diffs"]


@click.command()
@click.argument("what", nargs=-1, metavar="[FEATURE | show ID]")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@shared
@pass_settings
def diffs(settings: Settings, what: tuple[str, ...], limit: int) -> None:
    """Signatures of mismatches, of FEATURE or of all; `diffs show ID` shows one sample."""
    client = AdminClient(settings)
    if len(what) == 2 and what[0] == "show":
        _show(settings, client.ask(f"/diffs/{what[1]}"))
    elif len(what) <= 1:
        _list(settings, client.ask("/diffs", feature=what[0] if what else None, limit=limit))
    else:
        raise click.UsageError("expected nothing, a feature, or: show ID")


def _list(settings: Settings, found: list[dict[str, Any]]) -> None:
    if settings.as_json:
        print_json(found)
        return
    columns = ("id", "count", "feature", "route", "status", "path", "kind", "severity", "first", "last")
    table(columns, [_row(one) for one in found], nothing="Nothing differs so far.")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    plain = (
        one[name] for name in ("id", "count", "feature", "route", "status_pair", "path", "kind", "severity")
    )
    return (*plain, _when(one["first_seen"]), _when(one["last_seen"]))


def _show(settings: Settings, sample: dict[str, Any]) -> None:
    if settings.as_json:
        print_json(sample)
        return
    request = sample["request"]
    say(f"{request['method']} {request['target']}   ({sample['feature']}, {_when(sample['at'])})")
    for name in ("control", "candidate"):
        side = sample[name]
        say(f"\n{name} ({side['side']}): {side['status']} {side['error']}".rstrip())
        say(side["body"])
    say("")
    rows = [
        (one["path"], one["kind"], one["severity"], one["control"], one["candidate"], one["excused_by"])
        for one in sample["differences"]
    ]
    table(
        ("path", "kind", "severity", "control", "candidate", "excused by"), rows, nothing="Nothing differs."
    )


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="seconds")
