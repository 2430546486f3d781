"""`banyan token create|list|revoke`: who may ask and change at the admin port."""

from __future__ import annotations

import re

import click

from gateway.cli.client import AdminClient
from gateway.cli.failures import CommandError
from gateway.cli.options import changing, pass_settings, seconds_of, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings

__all__ = ["token"]

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


@click.group()
def token() -> None:
    """Tokens for the admin port: one for each person and each program."""


@token.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "operator", "admin"]), default="viewer", show_default=True
)
@click.option(
    "--for", "seconds", metavar="TIME", callback=seconds_of, help="How long it counts; default: for ever."
)
@changing
@shared
@pass_settings
def create(settings: Settings, name: str, role: str, seconds: float | None, reason: str, by: str) -> None:
    """Make a token for NAME. It is printed once; only its hash is kept."""
    body = {"name": name, "role": role, "seconds": seconds, "reason": reason, "by": by}
    found = AdminClient(settings).change("POST", "/tokens", body)
    if settings.as_json:
        print_json(found)
        return
    say(found["token"])
    click.echo(
        f"banyan: this is {name}'s token ({role}); it is not kept and cannot be shown again.", err=True
    )


@token.command(name="list")
@shared
@pass_settings
def list_tokens(settings: Settings) -> None:
    """Who has a token, with which role."""
    found = AdminClient(settings).ask("/tokens")
    if settings.as_json:
        print_json(found)
        return
    rows = [(one["name"], one["role"], one["created"], one["expires"] or "never") for one in found]
    table(("name", "role", "made", "expires"), rows, nothing="There is no token but the machine's own.")


@token.command()
@click.argument("name")
@changing
@shared
@pass_settings
def revoke(settings: Settings, name: str, reason: str, by: str) -> None:
    """NAME's token opens nothing any more, from the next request on."""
    if not _NAME.fullmatch(name):
        raise CommandError(f"There is no token {name!r}.")
    found = AdminClient(settings).change("DELETE", f"/tokens/{name}", {}, reason=reason, by=by)
    if settings.as_json:
        print_json(found)
        return
    say(f"{name}: revoked")
    if not found["recorded"]:
        say(f"It is not in the ledger: {found['problem']}")
