"""`banyan dial FEATURE PERCENT`."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from gateway.cli.client import AdminClient, feature_path
from gateway.cli.elsewhere import say_elsewhere
from gateway.cli.failures import NO, UNKNOWN, CommandError
from gateway.cli.options import changing, pass_settings, shared
from gateway.cli.output import duration, print_json, say
from gateway.cli.settings import Settings

__all__ = ["dial", "print_dial"]

_NUMBER: Final = re.compile(r"-?(?:[0-9]{1,9}\.?|[0-9]{0,9}\.[0-9]{1,9})%?")


# A percentage that begins with a minus is a refused value, not an unknown option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("feature")
@click.argument("percent")
@changing
@shared
@pass_settings
@click.pass_context
def dial(
    context: click.Context, settings: Settings, feature: str, percent: str, reason: str, by: str
) -> None:
    """Put FEATURE at PERCENT (0 to 100 in steps of 0.01); returns when every live worker has it."""
    if not _NUMBER.fullmatch(percent.strip()):
        raise CommandError(f"percent: expected a percentage from 0 to 100 in steps of 0.01, not {percent!r}.")
    body = {"percent": float(percent.strip().removesuffix("%")), "reason": reason, "by": by}
    done = AdminClient(settings).change("PUT", feature_path(feature, "dial"), body)
    print_dial(context, settings, done)


def print_dial(context: click.Context, settings: Settings, done: dict[str, Any]) -> None:
    """A dial that was moved, or one that waits for a second person: then the answer is not yet."""
    if done.get("pending"):
        _print_pending(settings, done)
        context.exit(NO)
    feature = done["feature"]
    if settings.as_json:
        print_json(done)
    else:
        reached = f"{done['workers']} workers have it after {duration(done['seconds'])}"
        say(f"{feature}: {done['old']} % -> {done['new']} % (revision {done['revision']}; {reached})")
        if done["source"] != "dial":
            say(f"Written to {done['source']}, which is in charge of the dials.")
        say_elsewhere(done["elsewhere"])
        if done["note"]:
            say(done["note"])
        if done["latched"]:
            say("It is rolled back, so the dial counts only after a restore; `banyan status` shows of what.")
        if done["lagging"]:
            say(f"Not yet confirmed by processes {', '.join(map(str, done['lagging']))}.")
        elif not done["workers"]:
            say("No worker has confirmed it: look at the gateway's log.")
    if not done["complete"]:
        context.exit(UNKNOWN)


def _print_pending(settings: Settings, asked: dict[str, Any]) -> None:
    if settings.as_json:
        print_json(asked)
        return
    say(f"{asked['feature']}: still at {asked['old']} %.")
    say(f"{asked['new']} % waits for a second person until {asked['until']}, who has a token of their own:")
    say(f'  banyan approve {asked["id"]} --reason "…"')
