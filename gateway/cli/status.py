"""`banyan status`: every feature and every worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from gateway.cli.client import AdminClient
from gateway.cli.guards import print_guards
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, say, say_folded, table
from gateway.cli.settings import Settings

__all__ = ["status"]

_HANGS: Final = 2.0
_FEW: Final = 2


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
    say(_source("dials", found["source"]))
    if found["shared"] and found["shared"]["name"] != found["source"]["name"]:
        say(_source("rollbacks shared over", found["shared"]))
    if found["frozen"]:
        say(f'ALL RAISES ARE FROZEN ({found["frozen"]}); `banyan thaw --reason "…"` ends that.')
    for warning in found["warnings"]:
        say(f"warning: {warning}")
    say("")
    columns = ("feature", "dial", "side", "latch", "breaker", "shadow", "goldens", "fallback", "judge")
    rows = [_feature(one, found["everything_latched"]) for one in found["features"]]
    table(columns, rows, nothing="No feature is configured.")
    for one in found["features"]:
        if one["plan"]:
            say_folded(f"plan of {one['name']}: {one['plan']}")
    for line in _hints(found["features"]):
        say_folded(line)
    _judged(found["features"])
    say("")
    workers = [_worker(one) for one in found["workers"]]
    table(("worker", "process", "revision", "confirmed", "state"), workers, nothing="No worker is alive.")
    if found["machines"]:
        _machines(found["machines"])
    if found["shadow"]:
        _shared_shadow(found["shadow"])


def _machines(machines: list[dict[str, Any]]) -> None:
    """Those that share what is in force, as each says of itself."""
    say("")
    rows = [_machine(one) for one in machines]
    table(("machine", "version", "confirmed", "workers", "last change", "state"), rows, nothing="")


def _machine(one: dict[str, Any]) -> tuple[object, ...]:
    age = one["state_age_seconds"]
    silent = f"not heard for {duration(one['heard_seconds'])}"
    return (
        f"{one['machine']}{' (this one)' if one['here'] else ''}",
        one["version"],
        "never" if age is None else f"{duration(age + one['heard_seconds'])} ago",
        f"{one['have']} of {one['workers']}",
        f"in {duration(one['seconds'])}",
        silent if one["silent"] else "current" if one["current"] else "behind",
    )


def _shared_shadow(one: dict[str, Any]) -> None:
    """The shadow that several machines share."""
    say("")
    say(
        f"shadow over Redis: {one['held']} of {one['shards']} shards held, {one['waiting']} exchanges wait "
        f"({one['bytes']} bytes, the oldest for {duration(one['oldest_seconds'])}), "
        f"{one['refused']} refused, {one['gateways']} gateways"
    )
    rows = [
        (
            each["machine"],
            each["pid"],
            each["shards"],
            each["under_way"],
            each["settled"],
            f"{each['sample_percent']:g} %",
        )
        for each in one["processes"]
    ]
    columns = ("machine", "process", "shards", "at work", "settled", "sample")
    table(columns, rows, nothing="No shadow process is there: `banyan shadow` starts some.")


def _judged(features: list[dict[str, Any]]) -> None:
    """Guard figures of what users or the shadow reach: all of a few features, of many what does not pass."""
    judged = [one for one in features if one["guards"]]
    if judged:
        say("")
        few = len(judged) <= _FEW
        print_guards(judged, only=() if few else ("hold", "fail"))


def _source(what: str, one: dict[str, Any]) -> str:
    if one["name"] == "dial":
        return "dials: of this machine"
    age = one["age_seconds"]
    confirmed = "never confirmed" if age is None else f"confirmed {duration(age)} ago"
    return f"{what}: {one['name']}, {confirmed}{'; ALERT' if one['alert'] else ''}"


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
        one["outcome"] if one["guards"] else "-",
    )


def _goldens(sides: dict[str, Any]) -> str:
    compared = sum(side["compared"] for side in sides.values())
    differ = sum(side["mismatch"] for side in sides.values())
    return f"{differ} of {compared} differ" if compared else "-"


def _worker(one: dict[str, Any]) -> tuple[object, ...]:
    age = f"{duration(one['age_seconds'])} ago"
    state = "hangs" if one["age_seconds"] > _HANGS else "current" if one["current"] else "behind"
    return (one["worker"], one["pid"], one["revision"], age, state)
