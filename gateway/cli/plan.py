"""`banyan plan`: how plans stand, and what a person does with one. `banyan freeze` and `banyan thaw`."""

from __future__ import annotations

from typing import Any, Final

import click

from gateway.cli.client import AdminClient, checked_feature, feature_path
from gateway.cli.options import changing, pass_settings, shared
from gateway.cli.output import print_json, say, say_folded, table
from gateway.cli.settings import Settings

__all__ = ["freeze", "plan", "thaw"]

_BY_A_PERSON: Final = {
    "start": "Begin the plan NAME: at its first step, or where the dial stands above that.",
    "pause": "Let the dial stay where it is until somebody resumes; guards go on taking back.",
    "resume": "Go on from where the dial stands now.",
    "approve": "Let the plan go on from a step that waits for a person, as soon as all else allows it.",
    "skip": "Take the next step now, whatever holds it but a freeze, a rollback or a broken guard.",
    "stop": "End the plan; the dial stays where it is, and is moved by hand from now on.",
}


@click.group(invoke_without_command=True)
@shared
@pass_settings
@click.pass_context
def plan(context: click.Context, settings: Settings) -> None:
    """How every plan stands; with a command, what is to become of one."""
    if context.invoked_subcommand is None:
        found = AdminClient(settings).ask("/plans")
        if settings.as_json:
            print_json(found)
        else:
            _print_all(found)


@plan.command()
@click.argument("name")
@shared
@pass_settings
def show(settings: Settings, name: str) -> None:
    """The plan of a feature or a journey, step by step."""
    found = AdminClient(settings).ask(f"/plans/{checked_feature(name)}")
    if settings.as_json:
        print_json(found)
        return
    _say(found)
    rows = [_step(step, found) for step in found["steps"]]
    table(("step", "at least", "samples", "a person", ""), rows, nothing="")


def _add(action: str, does: str) -> None:
    @plan.command(action, help=does)
    @click.argument("name")
    @changing
    @shared
    @pass_settings
    def act(settings: Settings, name: str, reason: str, by: str) -> None:
        path = f"/plans/{checked_feature(name)}/{action}"
        done = AdminClient(settings).change("POST", path, {"reason": reason, "by": by})
        if settings.as_json:
            print_json(done)
        else:
            _say(done)


for _action, _does in _BY_A_PERSON.items():
    _add(_action, _does)


@plan.command()
@click.argument("feature")
@changing
@shared
@pass_settings
def renew(settings: Settings, feature: str, reason: str, by: str) -> None:
    """Begin the evidence of FEATURE anew: what was seen so far counts no more, as after a mended release."""
    body = {"reason": reason, "by": by}
    done = AdminClient(settings).change("POST", feature_path(feature, "evidence"), body)
    if settings.as_json:
        print_json(done)
    else:
        say(f"{feature}: the evidence begins anew at {done['percent']} %.")


@click.command()
@changing
@shared
@pass_settings
def freeze(settings: Settings, reason: str, by: str) -> None:
    """Freeze all raises: no dial goes up, by hand or by a plan. Going down and rolling back stay free."""
    done = AdminClient(settings).change("POST", "/freeze", {"reason": reason, "by": by})
    if settings.as_json:
        print_json(done)
    else:
        say(f"All raises are frozen ({done['frozen']}).")


@click.command()
@changing
@shared
@pass_settings
def thaw(settings: Settings, reason: str, by: str) -> None:
    """Let dials be raised again."""
    done = AdminClient(settings).change("DELETE", "/freeze", {"reason": reason, "by": by})
    if settings.as_json:
        print_json(done)
    else:
        say("Dials may be raised again.")


def _print_all(plans: list[dict[str, Any]]) -> None:
    for one in plans:
        _say(one)
    if not plans:
        say("No plan is configured; `feature.plan.steps` makes one.")
    elif plans[0]["frozen"]:
        say(f"All raises are frozen ({plans[0]['frozen']}).")


def _say(one: dict[str, Any]) -> None:
    together = f" ({', '.join(one['features'])})" if one["features"] != [one["name"]] else ""
    say_folded(f"{one['name']}{together}: {one['words']}")


def _step(step: dict[str, Any], found: dict[str, Any]) -> tuple[object, ...]:
    is_here = found["phase"] != "not_started" and step["percent"] == found["percent"]
    marks = {True: "here", False: "next" if step["percent"] == found["next"] else ""}
    return (
        f"{step['percent']} %",
        f"{step['hold']:g} s",
        step["samples"] or "-",
        "approves" if step["person"] else "-",
        marks[is_here],
    )
