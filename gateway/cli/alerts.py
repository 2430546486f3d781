"""`banyan alerts test`: do alerts arrive?"""

from __future__ import annotations

from typing import Final

import click

from gateway.cli.client import AdminClient
from gateway.cli.failures import NO, CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, table
from gateway.cli.settings import Settings

__all__ = ["alerts"]

_NOWHERE: Final = (
    "Nobody is told anything: the configuration has no alerts.webhook_url, alerts.slack_url_env or "
    "alerts.smtp_server."
)


@click.group()
@shared
def alerts() -> None:
    """What people are told, and whether it arrives."""


@alerts.command("test")
@click.option("--by", default="", help="Your name, in the alert.")
@shared
@pass_settings
@click.pass_context
def test(context: click.Context, settings: Settings, by: str) -> None:
    """Send one alert on every channel now; exit 1 when one does not take it."""
    found = AdminClient(settings).change("POST", "/alerts/test", {"by": by})
    if not found:
        raise CommandError(_NOWHERE, NO)
    if settings.as_json:
        print_json(found)
    else:
        rows = [
            (one["channel"], one["address"], one["problem"] or "taken", duration(one["seconds"]))
            for one in found
        ]
        table(("channel", "address", "answer", "after"), rows, nothing="")
    if not all(one["sent"] for one in found):
        context.exit(NO)
