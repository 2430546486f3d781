"""`banyan golden …`: recorded answers as the truth. Here: record, lint, show; the others have their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli import golden_inputs as inputs
from gateway.cli.failures import CommandError
from gateway.cli.golden_coverage import coverage_command
from gateway.cli.golden_import import import_command
from gateway.cli.golden_live import Wishes, live_options, record_live
from gateway.cli.golden_options import FILE, common, guarded, patient
from gateway.cli.golden_output import print_lint, print_recorded
from gateway.cli.golden_verify import accept_command, verify_command
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import on_one_line, print_json, progress, say
from gateway.cli.settings import Settings
from golden import lint, read_all, record, show

__all__ = ["golden"]


@click.group()
@shared
def golden() -> None:
    """Record answers as the truth, and hold any side against them."""


@golden.command("record")
@click.option("--from", "url", metavar="URL", help="The side whose answers are the truth.")
@click.option("--live", metavar="FEATURE", help="Record sessions of this feature as they happen.")
@live_options
@click.option("--flow", "flows", multiple=True, type=FILE, help="A flow, or a folder of flows.")
@click.argument("more", nargs=-1, type=FILE, metavar="[FILE]...")
@click.option("--twice", is_flag=True, help="Play every flow two times: what differs is named by its type.")
@click.option("--source", default="", help="What the side is called; default: by its configured address.")
@click.option("--release", default="", help="Its release; default: what the configured header says.")
@click.option("--prune", is_flag=True, help="Remove recordings of steps that a flow no longer has.")
@patient
@common
@shared
@pass_settings
@click.pass_context
def record_command(
    context: click.Context,
    settings: Settings,
    /,
    url: str | None,
    live: str | None,
    flows: tuple[Path, ...],
    more: tuple[Path, ...],
    prune: bool,
    twice: bool,
    source: str,
    release: str,
    deadline: float,
    folder: Path | None,
    rules: Path | None,
    **wishes: Any,
) -> None:
    """Play flows against a side, or take sessions as they happen; write the answers, one file per step."""
    if (url is None) == (live is None):
        raise click.UsageError("say either --from URL (scripted flows) or --live FEATURE (from traffic)")
    if live is not None:
        context.exit(record_live(settings, live, folder, Wishes(**wishes)))
    assert url is not None  # noqa: S101 - said above
    scripted, unreadable = inputs.flows([*flows, *more])
    if not scripted and not unreadable:
        raise click.UsageError("name at least one flow: --flow FILE")
    where = inputs.folder(settings, folder, there=False)
    accepted = inputs.rules(settings, rules)
    origin = inputs.provenance(settings, url, accepted, source, release)
    with progress("recording") as tick:
        report = guarded(
            lambda: record(
                scripted,
                url,
                where,
                rules=accepted,
                prune=prune,
                provenance=origin,
                twice=twice,
                unreadable=unreadable,
                deadline=deadline,
                progress=tick,
            )
        )
    print_recorded(settings, report)
    context.exit(report.exit_code)


@golden.command("lint")
@click.option(
    "--flow", "flows", multiple=True, type=FILE, help="Compare with what was recorded from this flow."
)
@common
@shared
@pass_settings
@click.pass_context
def lint_command(
    context: click.Context,
    settings: Settings,
    flows: tuple[Path, ...],
    folder: Path | None,
    rules: Path | None,
) -> None:
    """Look for what is wrong with the recordings, without asking any side."""
    scripted, unreadable = inputs.flows(list(flows))
    where = inputs.folder(settings, folder)
    accepted, place = inputs.rules(settings, rules), inputs.place(settings)
    features = inputs.features(settings)
    report = guarded(
        lambda: lint(where, accepted, flows=scripted, unreadable=unreadable, place=place, features=features)
    )
    print_lint(settings, report)
    context.exit(report.exit_code)


@golden.command("show")
@click.argument("case", required=False)
@common
@shared
@pass_settings
def show_command(settings: Settings, case: str | None, folder: Path | None, rules: Path | None) -> None:
    """Show the recording CASE (`flow/step`), or list all."""
    del rules  # taken for the sake of sameness; showing accepts nothing
    recordings, unreadable = read_all(inputs.folder(settings, folder))
    for error in unreadable:
        say(on_one_line(f"cannot be read: {error}"))
    if case is None:
        listed = [
            {"id": one.id, "flow": one.flow, "step": one.step.name, "file": one.file} for one in recordings
        ]
        if settings.as_json:
            print_json(listed)
        else:
            say("\n".join(one["id"] for one in listed) or "There is no recording here.")
        return
    found = [one for one in recordings if one.is_called(case)]
    if not found:
        raise CommandError(f"there is no recording {case!r}; `banyan golden show` lists them.")
    if settings.as_json:
        print_json(json.loads(found[0].to_text()))
    else:
        say(show(found[0]).rstrip("\n"))


for _command in (verify_command, accept_command, import_command, coverage_command):
    golden.add_command(_command)
