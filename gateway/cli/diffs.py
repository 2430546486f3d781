"""`banyan diffs …`: what differs. Here: the list that fits on one screen, one sample, acknowledging, and a
sample as a golden; what is about rules has its own file.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from gateway.cli.client import AdminClient
from gateway.cli.diffs_rules import RULE_COMMANDS, fetch_samples
from gateway.cli.diffs_screen import list_lines, sample_lines
from gateway.cli.failures import NO, CommandError
from gateway.cli.options import changing, pass_settings, shared
from gateway.cli.output import print_json, say, say_folded
from gateway.cli.settings import Settings

__all__ = ["diffs"]

_LIST = "list"
_SCREEN = 10
_MANY = 1000


class _Words(click.Group):
    """A word that is no command is a feature; no word at all means all features."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [word for word in args if not word.startswith("-")]
        if not any(word in self.commands for word in words[:1]) and not {"-h", "--help"} & set(args):
            args = [_LIST, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.commands if name != _LIST]


@click.group(cls=_Words)
def diffs() -> None:
    """What differs: signatures of mismatches, what matters first; of FEATURE, or of all.

    `banyan diffs [FEATURE] [--limit N] [--all]` lists them.
    """


@diffs.command(_LIST, hidden=True)
@click.argument("feature", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), help="How many; default: what fits on a screen.")
@click.option("--all", "everything", is_flag=True, help="Acknowledged ones too.")
@shared
@pass_settings
def _list(settings: Settings, feature: str | None, limit: int | None, everything: bool) -> None:
    """Signatures of mismatches, what matters first."""
    client = AdminClient(settings)
    if settings.as_json:
        print_json(client.ask("/diffs", feature=feature, limit=limit or _MANY))
        return
    shown = limit or _SCREEN
    found = client.ask("/diffs", feature=feature, limit=_MANY)
    wanted = [one for one in found if everything or not one["acknowledged"]]
    examples = {}
    if wanted:
        rows = client.ask("/diffs", feature=feature, limit=shown, examples="true")
        examples = {one["id"]: one["example"] for one in rows}
    for line in list_lines(wanted[:shown], examples, len(wanted) - shown, len(found) - len(wanted)):
        say_folded(line)


@diffs.command("show")
@click.argument("signature")
@click.option("--width", type=click.IntRange(40, 400), help="Columns; default: those of the terminal.")
@shared
@pass_settings
def _show(settings: Settings, signature: str, width: int | None) -> None:
    """One signature: both answers side by side where they differ, and which rule excused what."""
    sample = AdminClient(settings).ask(f"/diffs/{quote(signature, safe='')}")
    if settings.as_json:
        print_json(sample)
        return
    for line in sample_lines(sample, width):
        say(line)


def _a_day(context: click.Context, parameter: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None


@diffs.command("acknowledge")
@click.argument("signature")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), callback=_a_day, help="The last day it is hidden."
)
@click.option("--clear", is_flag=True, help="Show it again.")
@changing
@shared
@pass_settings
def _acknowledge(
    settings: Settings, signature: str, until: date | None, clear: bool, reason: str, by: str
) -> None:
    """It was seen: not shown again before a day is over. It goes on counting as a mismatch."""
    if clear == (until is not None):
        raise click.UsageError("say either --until DATE or --clear")
    body = {"until": until.isoformat() if until else None, "reason": reason, "by": by}
    path = f"/diffs/{quote(signature, safe='')}/acknowledged"
    done = AdminClient(settings).change("PUT", path, body)
    if settings.as_json:
        print_json(done)
    else:
        say(f"{signature}: {'acknowledged until ' + str(until) if until else 'shown again'}.")


@diffs.command("golden")
@click.argument("signature")
@click.option("--side", type=click.Choice(["legacy", "new"]), default="legacy", show_default=True)
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Write it there; else it is printed.")
@shared
@pass_settings
def _golden(settings: Settings, signature: str, side: str, folder: Path | None) -> None:
    """A sample as a golden of one step: what this side answered is the truth from now on."""
    from gateway.cli.diffs_golden import as_journal  # noqa: PLC0415 -- nothing else needs the goldens
    from golden import GoldenError, write_journey  # noqa: PLC0415

    samples = fetch_samples(settings, signature)
    if not samples:
        raise CommandError(f"no sample of a signature {signature!r} is kept; `banyan diffs` lists them.", NO)
    journal = as_journal(samples[0], side, settings)
    if folder is None:
        click.echo(journal.recordings[0].to_text(), nl=False)
        return
    try:
        write_journey(folder, journal.recordings)
    except (GoldenError, OSError) as error:
        raise CommandError(str(error)) from error
    written: dict[str, Any] = {"written": [str(folder / f"{one.id}.json") for one in journal.recordings]}
    if settings.as_json:
        print_json(written)
    else:
        say("\n".join(written["written"]))


for _command in RULE_COMMANDS:
    diffs.add_command(_command)
