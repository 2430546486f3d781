"""`banyan explain METHOD PATH`."""

from __future__ import annotations

from urllib.parse import quote

import click

from gateway.cli.client import AdminClient
from gateway.cli.failures import CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say
from gateway.cli.settings import Settings
from gateway.core.kept import TOLD_OF_ONE_ID

__all__ = ["explain"]


@click.command()
@click.argument("method", required=False)
@click.argument("path", required=False)
@click.option("--request", metavar="ID", help="A request that is over, by its X-Request-Id.")
@click.option("--key", help="The sticky key of the user, as the gateway sees it.")
@click.option("--address", default="", metavar="IP", help="The client's, for rules that look at it.")
@click.option("--header", "headers", multiple=True, metavar='"NAME: VALUE"', help="For rules, likewise.")
@shared
@pass_settings
def explain(
    settings: Settings,
    method: str | None,
    path: str | None,
    request: str | None,
    key: str | None,
    address: str,
    headers: tuple[str, ...],
) -> None:
    """Which side a request gets, or got, and why."""
    if key == "":
        raise CommandError("--key is empty, and no user has an empty key; leave it out for a new user.")
    if request is not None:
        if method is not None or path is not None:
            raise CommandError("--request stands in place of METHOD and PATH.")
        _explain_past(settings, request, key)
        return
    if method is None or path is None:
        raise CommandError("METHOD and PATH are missing, such as GET /api/items; or --request ID.")
    pairs = [[part.strip() for part in one.partition(":")[::2]] for one in headers]
    body = {"method": method, "path": path, "key": key, "address": address, "headers": pairs}
    found = AdminClient(settings).post("/explain", body)
    if settings.as_json:
        print_json(found)
        return
    say(f"{found['method']} {found['path']} -> {found['side']} ({found['cause']})")
    for name in ("feature", "route", "key", "position", "percent", "revision", "breaker", "note"):
        if found[name] not in (None, ""):
            say(f"  {name:<9}{found[name]}")


def _explain_past(settings: Settings, request: str, key: str | None) -> None:
    found = AdminClient(settings).ask(f"/requests/{quote(request, safe='')}", key=key)
    if settings.as_json:
        print_json(found)
        return
    for one in found:
        after = ", after the new side failed" if one["fell_back"] else ""
        say(f"{one['time']} {one['method']} {one['route'] or ''} -> {one['side']} ({one['cause']}{after})")
        if one["key_matches"] is not None:
            say(f"  the key    {'is' if one['key_matches'] else 'is not'} that of this request")
        for name in (
            "feature",
            "position",
            "percent",
            "revision",
            "status",
            "worker",
            "key_source",
            "key_hash",
        ):
            if one[name] not in (None, ""):
                say(f"  {name:<11}{one[name]}")
    if len(found) >= TOLD_OF_ONE_ID:
        say(f"These are the youngest {len(found)} requests with this id; of older ones nothing is told.")
