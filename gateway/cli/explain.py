"""`banyan explain METHOD PATH`."""

from __future__ import annotations

import click

from gateway.cli.client import AdminClient
from gateway.cli.failures import CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say
from gateway.cli.settings import Settings

__all__ = ["explain"]


@click.command()
@click.argument("method")
@click.argument("path")
@click.option("--key", help="The sticky key of the user, as the gateway sees it.")
@shared
@pass_settings
def explain(settings: Settings, method: str, path: str, key: str | None) -> None:
    """Which side a request gets, and why."""
    if key == "":
        raise CommandError("--key is empty, and no user has an empty key; leave it out for a new user.")
    found = AdminClient(settings).post("/explain", {"method": method, "path": path, "key": key})
    if settings.as_json:
        print_json(found)
        return
    say(f"{found['method']} {found['path']} -> {found['side']} ({found['cause']})")
    for name in ("feature", "route", "key", "position", "percent", "revision", "breaker", "note"):
        if found[name] not in (None, ""):
            say(f"  {name:<9}{found[name]}")
