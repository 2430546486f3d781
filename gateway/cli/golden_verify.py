"""`banyan golden verify` and `banyan golden accept`: recordings held against a side, and moved on."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from gateway.cli import golden_inputs as inputs
from gateway.cli.golden_options import FILE, common, guarded
from gateway.cli.golden_output import print_accepted, print_changes, print_verified
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import progress
from gateway.cli.settings import Settings
from golden import (
    VerifyReport,
    accept,
    changes,
    github_annotations,
    read_run,
    save_run,
    verify,
    write_junit,
    write_markdown,
)

__all__ = ["accept_command", "verify_command"]


@click.command("verify")
@click.option("--to", "url", required=True, metavar="URL", help="The side to hold against the recordings.")
@click.option("--control", metavar="URL", help="The side they were recorded from: says who has moved.")
@click.option("--junit", type=FILE, help="Write a JUnit report here.")
@click.option("--markdown", type=FILE, help="Write a Markdown report here.")
@click.option("--save", "run", type=FILE, help="Keep this run here, for --baseline.")
@click.option("--baseline", type=FILE, metavar="RUN", help="Say what is different from this kept run.")
@click.option("--github", is_flag=True, help="Print annotations; the default where GitHub runs this.")
@click.option(
    "--flow", "flows", multiple=True, type=FILE, help="Report recordings that this flow left behind."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only the recordings of this flow.")
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, help="Journeys at once."
)
@click.option(
    "--deadline", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds per answer."
)
@common
@shared
@pass_settings
@click.pass_context
def verify_command(
    context: click.Context,
    settings: Settings,
    /,
    url: str,
    control: str | None,
    junit: Path | None,
    markdown: Path | None,
    run: Path | None,
    baseline: Path | None,
    github: bool,
    flows: tuple[Path, ...],
    only: tuple[str, ...],
    concurrency: int,
    deadline: float,
    folder: Path | None,
    rules: Path | None,
) -> None:
    """Replay every recording. Exit code 1 on an unexcused difference, 2 on undetermined or stale."""
    scripted = inputs.flows(list(flows))
    where, accepted, place = (
        inputs.folder(settings, folder),
        inputs.rules(settings, rules),
        inputs.place(settings),
    )
    before = guarded(lambda: read_run(baseline)) if baseline else None
    with progress("verifying") as tick:
        report: VerifyReport = guarded(
            lambda: verify(
                where,
                url,
                accepted,
                control=control or "",
                flows=scripted,
                only=only,
                concurrency=concurrency,
                deadline=deadline,
                place=place,
                progress=tick,
            )
        )
    for path, write in ((junit, write_junit), (markdown, write_markdown), (run, save_run)):
        if path is not None:
            guarded(partial(write, report, path))
    different = changes(before, report) if before is not None else None
    print_verified(settings, report, different)
    if different is not None and not settings.as_json:
        print_changes(different)
    if github or (os.environ.get("GITHUB_ACTIONS") == "true" and not settings.as_json):
        for line in github_annotations(report):
            click.echo(line, err=settings.as_json)
    context.exit(report.exit_code)


@click.command("accept")
@click.argument("cases", nargs=-1, required=True, metavar="CASE...")
@click.option("--from", "url", required=True, metavar="URL", help="The side whose answers are the truth now.")
@common
@shared
@pass_settings
@click.pass_context
def accept_command(
    context: click.Context,
    settings: Settings,
    /,
    cases: tuple[str, ...],
    url: str,
    folder: Path | None,
    rules: Path | None,
) -> None:
    """Take over a side's answers into chosen recordings (`flow`, or `flow/step`) and say what changed."""
    where, accepted, place = (
        inputs.folder(settings, folder),
        inputs.rules(settings, rules),
        inputs.place(settings),
    )
    report = guarded(lambda: accept(where, url, cases, accepted, place=place))
    print_accepted(settings, report)
    context.exit(report.exit_code)
