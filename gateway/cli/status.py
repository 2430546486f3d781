"""`banyan status`: every feature and every worker."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import AdminClient
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, say, table
from gateway.cli.settings import Settings

__all__ = ["status"]


@click.command()
@shared
@pass_settings
def status(settings: Settings) -> None:
    """Every feature: dial, side, latch, breaker, plan. Every worker: revision, age."""
    found = AdminClient(settings).ask("/status")
    if settings.as_json:
        print_json(found)
        return
    say(f"revision {found['revision']}, since {found['started_at']}, traffic {found['traffic']}")
    if found["everything_latched"]:
        say("EVERYTHING IS ROLLED BACK; `banyan restore` clears it.")
    say(_source(found["source"]))
    for warning in found["warnings"]:
        say(f"warning: {warning}")
    say("")
    columns = ("feature", "dial", "side", "latch", "breaker", "shadow", "fallback", "plan")
    table(columns, [_feature(one) for one in found["features"]], nothing="No feature is configured.")
    say("")
    workers = [_worker(one) for one in found["workers"]]
    table(("worker", "process", "revision", "confirmed", "state"), workers, nothing="No worker is alive.")


def _source(one: dict[str, Any]) -> str:
    if one["name"] == "dial":
        return "dials: of this machine"
    age = one["age_seconds"]
    confirmed = "never confirmed" if age is None else f"confirmed {duration(age)} ago"
    return f"dials: {one['name']}, {confirmed}{'; ALERT' if one['alert'] else ''}"


def _feature(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["name"],
        f"{one['percent']} %{' by ' + one['rule'] if one['rule'] else ''}",
        one["side"],
        "rolled back" if one["latched"] else "-",
        one["breaker"],
        f"{one['shadow_percent']} %",
        one["fallback"],
        one["plan"] or "-",
    )


def _worker(one: dict[str, Any]) -> tuple[object, ...]:
    age = f"{duration(one['age_seconds'])} ago"
    return (one["worker"], one["pid"], one["revision"], age, "current" if one["current"] else "behind")
