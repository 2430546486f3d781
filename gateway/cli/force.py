"""`banyan force SIDE`."""

from __future__ import annotations

import click

from gateway.cli.client import AdminClient, checked_feature
from gateway.cli.options import changing, pass_settings, seconds_of, shared
from gateway.cli.output import print_json, say
from gateway.cli.settings import Settings

__all__ = ["force"]


@click.command()
@click.argument("side", type=click.Choice(["new", "legacy"]))
@click.option("--for", "seconds", default="1h", show_default=True, metavar="TIME", callback=seconds_of)
@click.option("--feature", help="Only for this one; default: every feature.")
@changing
@shared
@pass_settings
def force(settings: Settings, side: str, seconds: float, feature: str | None, reason: str, by: str) -> None:
    """Make a header that asks for SIDE, for a trusted tester; a rollback beats it."""
    if feature is not None:
        checked_feature(feature)
    body = {"side": side, "seconds": seconds, "feature": feature, "reason": reason, "by": by}
    found = AdminClient(settings).change("POST", "/force", body)
    if settings.as_json:
        print_json(found)
        return
    say(found["header"])
