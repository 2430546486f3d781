"""`banyan status`: every feature and every worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from gateway.cli.client import AdminClient
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, say, say_folded, table
from gateway.cli.settings import Settings

__all__ = ["status"]

_HANGS: Final = 2.0


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
        say('EVERYTHING IS ROLLED BACK; `banyan restore --reason "…"` lifts that.')
    say(_source(found["source"]))
    for warning in found["warnings"]:
        say(f"warning: {warning}")
    say("")
    columns = ["feature", "dial", "side", "latch", "breaker", "shadow", "goldens", "fallback"]
    rows = [_feature(one, found["everything_latched"]) for one in found["features"]]
    if any(one["plan"] for one in found["features"]):
        columns.append("plan")
        rows = [(*row, one["plan"] or "-") for row, one in zip(rows, found["features"], strict=True)]
    table(columns, rows, nothing="No feature is configured.")
    for line in _hints(found["features"]):
        say_folded(line)
    say("")
    workers = [_worker(one) for one in found["workers"]]
    table(("worker", "process", "revision", "confirmed", "state"), workers, nothing="No worker is alive.")


def _source(one: dict[str, Any]) -> str:
    if one["name"] == "dial":
        return "dials: of this machine"
    age = one["age_seconds"]
    confirmed = "never confirmed" if age is None else f"confirmed {duration(age)} ago"
    return f"dials: {one['name']}, {confirmed}{'; ALERT' if one['alert'] else ''}"


def _hints(features: list[dict[str, Any]]) -> Iterator[str]:
    """What to do about what is held back."""
    latched = [one["name"] for one in features if one["latched"]]
    if latched:
        lifted = f'`banyan restore {latched[0]} --reason "…"` lifts it'
        yield f"Rolled back on their own: {', '.join(latched)}; {lifted}."
    for one in features:
        if one["breaker"] != "closed":
            yield (
                f"{one['name']}: the breaker is {one['breaker']}, the new side failed too often in a row; "
                "legacy answers in its place until it closes by itself."
            )


def _latch(own: bool, everything: bool) -> str:
    if not everything:
        return "rolled back" if own else "-"
    return "rolled back, with everything too" if own else "everything rolled back"


def _feature(one: dict[str, Any], everything: bool) -> tuple[object, ...]:
    return (
        one["name"],
        f"{one['percent']} %{' by ' + one['rule'] if one['rule'] else ''}",
        one["side"],
        _latch(one["latched"], everything),
        one["breaker"],
        f"{one['shadow_percent']} %",
        _goldens(one["golden"]),
        one["fallback"],
    )


def _goldens(sides: dict[str, Any]) -> str:
    compared = sum(side["compared"] for side in sides.values())
    differ = sum(side["mismatch"] for side in sides.values())
    return f"{differ} of {compared} differ" if compared else "-"


def _worker(one: dict[str, Any]) -> tuple[object, ...]:
    age = f"{duration(one['age_seconds'])} ago"
    state = "hangs" if one["age_seconds"] > _HANGS else "current" if one["current"] else "behind"
    return (one["worker"], one["pid"], one["revision"], age, state)
