"""`banyan report [FEATURE]`: the A/B report; exit code 1 when a feature is not ready."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import AdminClient, feature_path
from gateway.cli.failures import NO
from gateway.cli.guards import print_guards
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, say, say_folded, table
from gateway.cli.settings import Settings

__all__ = ["report"]


@click.command()
@click.argument("feature", required=False)
@shared
@pass_settings
@click.pass_context
def report(context: click.Context, settings: Settings, feature: str | None) -> None:
    """Latency, errors and mismatches of both sides; `ready`, or `not_ready` with the reasons."""
    client = AdminClient(settings)
    names = [feature] if feature else [one["name"] for one in client.ask("/status")["features"]]
    found = [client.ask(feature_path(name, "report")) for name in names]
    if settings.as_json:
        print_json(found[0] if feature else found)
    else:
        for one in found:
            _print(one)
    if any(one["verdict"] != "ready" for one in found):
        context.exit(NO)


def _print(one: dict[str, Any]) -> None:
    say(f"{one['feature']} at {one['percent']} %: {one['verdict']}   (since {one['since']})")
    for reason in one["reasons"]:
        say_folded(f"  - {reason}")
    print_guards([one])
    columns = ("side", "requests", "errors", "fallbacks", "error rate", "p50", "p95", "p99")
    table(columns, [_side(name, one[name]) for name in ("legacy", "new")], nothing="")
    shadow = one["shadow"]
    rate = _share(shadow["mismatch_rate"])
    lowered = shadow["sample_percent"] < 100
    say(
        f"compared {shadow['compared']}, mismatches {shadow['mismatch']} ({rate}, at most "
        f"{_share(shadow['mismatch_upper'])} with 95 % confidence), noise {shadow['noise']}, "
        f"accepted by rule {shadow['accepted']}\n"
        f"not known: undetermined {shadow['undetermined']}, errors {shadow['shadow_error']}, "
        f"timeouts {shadow['shadow_timeout']}, dropped {shadow['dropped']}; of {shadow['eligible']} eligible "
        f"{shadow['not_sampled']} not sampled, {shadow['in_flight']} in flight"
        + (f"; under pressure only {shadow['sample_percent']:g} % of the sample is taken" if lowered else "")
    )
    say(f"against goldens: legacy {_golden(one['golden']['legacy'])}; new {_golden(one['golden']['new'])}\n")


def _golden(side: dict[str, Any]) -> str:
    if not side["compared"] and not side["unknown"]:
        return "not compared"
    unknown = f", {side['unknown']} unknown" if side["unknown"] else ""
    return f"{side['compared']} compared, {side['mismatch']} differ{unknown}"


def _side(name: str, side: dict[str, Any]) -> tuple[object, ...]:
    times = (duration(side[key]) for key in ("p50", "p95", "p99"))
    fallbacks = side["fallbacks"] if name == "new" else "-"
    return (name, side["requests"], side["errors"], fallbacks, _share(side["error_rate"]), *times)


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate * 100:.3g} %"
