"""`banyan approve [NUMBER]`: the second person."""

from __future__ import annotations

import click

from gateway.cli.client import AdminClient
from gateway.cli.dial import print_dial
from gateway.cli.failures import CommandError
from gateway.cli.options import optional_change, pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings

__all__ = ["approve"]


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--decline", is_flag=True, help="Say no instead.")
@optional_change
@shared
@pass_settings
@click.pass_context
def approve(
    context: click.Context, settings: Settings, number: int | None, decline: bool, reason: str, by: str
) -> None:
    """Agree to the dial that waits under NUMBER, with a token of your own; without it, list what waits."""
    client = AdminClient(settings)
    if number is None:
        if decline or reason:
            raise CommandError("NUMBER is missing: `banyan approve` lists what waits, and under which.")
        _list(settings, client)
        return
    if not reason.strip():
        raise CommandError("--reason is missing: say in a few words why; the ledger keeps it.")
    if decline:
        gone = client.change("DELETE", f"/approvals/{number}", {}, reason=reason, by=by)
        if settings.as_json:
            print_json(gone)
        else:
            say(f"{gone['feature']}: stays at {gone['old']} %; {gone['new']} % was declined.")
        return
    done = client.change("POST", f"/approvals/{number}", {"reason": reason, "by": by})
    print_dial(context, settings, done)


def _list(settings: Settings, client: AdminClient) -> None:
    found = client.ask("/approvals")
    if settings.as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["feature"],
            f"{one['old']} -> {one['new']}",
            one["asked_by"],
            one["until"],
            one["reason"],
        )
        for one in found
    ]
    table(("no", "feature", "dial", "asked by", "until", "why"), rows, nothing="No dial waits for anybody.")
