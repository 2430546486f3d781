"""`banyan rollback [FEATURE]` and `banyan restore [FEATURE]`."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from gateway.cli.client import AdminClient, NoAnswer, Refusal, checked_feature, feature_path
from gateway.cli.elsewhere import say_elsewhere
from gateway.cli.failures import UNKNOWN, CommandError
from gateway.cli.options import changing, pass_settings, shared, taking_back
from gateway.cli.output import duration, print_json, say
from gateway.cli.settings import Settings

__all__ = ["restore", "rollback"]

_PATIENCE: Final = 0.3
_ANSWER: Final = 10.0
"""After so many seconds it is done directly."""
_NOT_WITHOUT: Final = frozenset({404, 409, 422})
"""Answers about what was asked. After any other it is done directly, as `deploy/rollback.sh` does it."""


@click.command()
@click.argument("feature", required=False)
@taking_back
@shared
@pass_settings
@click.pass_context
def rollback(context: click.Context, settings: Settings, feature: str | None, reason: str, by: str) -> None:
    """Take FEATURE, or everything, back to legacy; needs nobody else alive."""
    if feature is not None:
        checked_feature(feature)
    done, trouble = _ask(settings, feature, reason, by)
    if done is None:
        from gateway.cli.direct import direct_rollback  # noqa: PLC0415 -- rarely needed, and not small

        done = direct_rollback(settings.state_dir(), feature, reason, by, trouble)
    _print(settings, done, trouble)
    status = 0 if done["complete"] else UNKNOWN
    if done["direct"] and not done["recorded"]:
        # A thread of ours may hang with the disk, for as long as that does; what it should have written is
        # found in the page and written by the gateway.
        sys.stdout.flush()
        os._exit(status)
    context.exit(status)


@click.command()
@click.argument("feature", required=False)
@changing
@shared
@pass_settings
@click.pass_context
def restore(context: click.Context, settings: Settings, feature: str | None, reason: str, by: str) -> None:
    """Clear the latch of FEATURE, or of everything; the dial stays where it was put."""
    done = AdminClient(settings).change("DELETE", _path(feature), {"reason": reason, "by": by})
    _print(settings, done)
    if not done["complete"]:
        context.exit(UNKNOWN)


def _ask(settings: Settings, feature: str | None, reason: str, by: str) -> tuple[Any, CommandError | None]:
    """The control process's answer; None, and what stood in the way, when it has to be done without it."""
    try:
        client = AdminClient(settings)
        settings.token()
    except CommandError as error:
        return (
            None,
            error,
        )  # a broken configuration or a lost token is no reason to leave users where they are
    if not client.alive(_PATIENCE):
        return None, None
    try:
        return client.change("POST", _path(feature), {"reason": reason, "by": by}, patience=_ANSWER), None
    except NoAnswer:
        return None, None
    except Refusal as refusal:
        # Whoever may write the page of this machine needs nobody's leave; of another machine's gateway this
        # page says nothing.
        if refusal.status not in _NOT_WITHOUT and settings.is_here(client.url):
            return None, refusal
        raise


def _path(feature: str | None) -> str:
    return "/rollback" if feature is None else feature_path(feature, "rollback")


def _print(settings: Settings, done: dict[str, Any], trouble: CommandError | None = None) -> None:
    if settings.as_json:
        print_json(done)
        return
    what = done["feature"] or "everything"
    word = "rolled back" if done["latched"] else "restored"
    before = " before" if done["already"] else ""
    say(f"{what}: {word}{before}; {done['workers']} workers have it after {duration(done['seconds'])}")
    say_elsewhere(done["elsewhere"])
    if not done["latched"]:
        _say_what_still_holds(done)
    if done["direct"]:
        why = trouble.format_message() if trouble else "the control process does not answer."
        say(f"Done directly on the machine: {why}")
    if not done["recorded"]:
        say(f"It holds, but is not recorded yet: {done['problem']}")
    if done["lagging"]:
        say(f"Not yet confirmed by processes {', '.join(map(str, done['lagging']))}.")
    elif not done["complete"]:
        say(
            "No worker has confirmed it, and there should be some. The latch holds for those that start"
            " from now on: look at the gateway's log, and start it anew if users still reach the new side."
        )


def _say_what_still_holds(done: dict[str, Any]) -> None:
    """There are two kinds of latches; lifting one does not lift the other."""
    features = [name for name in done["latched_features"] if name != done["feature"]]
    if done["everything_latched"]:
        say('Everything is still rolled back, so legacy answers: `banyan restore --reason "…"` lifts that.')
    elif done["feature"] is None and features:
        say(f"Still rolled back on their own: {', '.join(features)}.")
        say(f'`banyan restore {features[0]} --reason "…"` lifts one of them.')
