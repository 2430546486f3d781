"""`banyan golden verify` and `banyan golden accept`: recordings held against a side, and moved on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from gateway.cli import golden_inputs as inputs
from gateway.cli.golden_options import FILE, common, guarded, patient
from gateway.cli.golden_output import print_accepted, print_changes, print_verified
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import progress
from gateway.cli.settings import Settings
from golden import (
    VerifyReport,
    accept,
    changes,
    check_place,
    exit_code_since,
    github_annotations,
    read_run,
    save_run,
    verify,
    write_junit,
    write_markdown,
)

__all__ = ["accept_command", "verify_command"]


class Report(NamedTuple):
    """One of the files a run is written down in."""

    kind: str
    path: Path | None
    write: Callable[[VerifyReport, Path], None]


@click.command("verify")
@click.option("--to", "url", required=True, metavar="URL", help="The side to hold against the recordings.")
@click.option("--control", metavar="URL", help="The side they were recorded from: says who has moved.")
@click.option("--junit", type=FILE, help="Write a JUnit report here.")
@click.option("--markdown", type=FILE, help="Write a Markdown report here.")
@click.option("--save", "run", type=FILE, help="Keep this run here, for --baseline.")
@click.option("--baseline", type=FILE, metavar="RUN", help="Say what is different from this kept run.")
@click.option(
    "--fail-on",
    type=click.Choice(["difference", "regression"]),
    default="difference",
    show_default=True,
    help="What exit code 1 is for: any difference, or only one that the --baseline does not have.",
)
@click.option("--github", is_flag=True, help="Print annotations; the default where GitHub runs this.")
@click.option(
    "--flow", "flows", multiple=True, type=FILE, help="Report recordings that this flow left behind."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only the recordings of this flow.")
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, help="Journeys at once."
)
@patient
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
    fail_on: str,
    github: bool,
    flows: tuple[Path, ...],
    only: tuple[str, ...],
    concurrency: int,
    deadline: float,
    folder: Path | None,
    rules: Path | None,
) -> None:
    """Replay every recording. Exit code 1 on an unexcused difference, 2 on undetermined or stale."""
    scripted, unreadable = inputs.flows(list(flows))
    where, accepted, place = (
        inputs.folder(settings, folder),
        inputs.rules(settings, rules),
        inputs.place(settings),
    )
    reports = [Report("junit", junit, write_junit), Report("markdown", markdown, write_markdown)]
    reports.append(Report("run", run, save_run))
    for one in reports:
        if one.path is not None:
            guarded(partial(check_place, one.path, one.kind))
    written = [one.path.resolve() for one in reports if one.path is not None]
    if len(set(written)) < len(written):
        raise click.UsageError(
            "two reports cannot be one file: name one for each of --junit, --markdown, --save"
        )
    if fail_on == "regression" and baseline is None:
        raise click.UsageError("--fail-on regression needs a --baseline to tell what is one")
    before: dict[str, tuple[str, ...]] | None = guarded(lambda: read_run(baseline)) if baseline else None
    if before is not None and only:  # the others were not asked for, and are not gone
        before = {case: said for case, said in before.items() if case.partition("/")[0] in only}
    with progress("verifying") as tick:
        report: VerifyReport = guarded(
            lambda: verify(
                where,
                url,
                accepted,
                control=control or "",
                flows=scripted,
                unreadable=unreadable,
                only=only,
                concurrency=concurrency,
                deadline=deadline,
                place=place,
                progress=tick,
            )
        )
    for one in reports:
        if one.path is not None:
            guarded(partial(one.write, report, one.path))
    different = changes(before, report) if before is not None else None
    code = report.exit_code
    if different is not None and fail_on == "regression":
        code = exit_code_since(different, report)
    annotated = github or (os.environ.get("GITHUB_ACTIONS") == "true" and not settings.as_json)
    with uncommanded() if annotated and not settings.as_json else nullcontext():
        print_verified(settings, report, code, different)
        if different is not None and not settings.as_json:
            print_changes(different)
    for line in github_annotations(report) if annotated else ():
        click.echo(line, err=settings.as_json)
    context.exit(code)


@contextmanager
def uncommanded() -> Iterator[None]:
    """What is printed meanwhile holds texts of a side, in which GitHub would look for commands (`##[…]` is
    one anywhere in a line).
    """
    token = secrets.token_hex(16)
    click.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        click.echo(f"::{token}::")


@click.command("accept")
@click.argument("cases", nargs=-1, required=True, metavar="CASE...")
@click.option("--from", "url", required=True, metavar="URL", help="The side whose answers are the truth now.")
@click.option("--source", default="", help="What the side is called; default: by its configured address.")
@click.option("--release", default="", help="Its release; default: what the configured header says.")
@patient
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
    source: str,
    release: str,
    deadline: float,
    folder: Path | None,
    rules: Path | None,
) -> None:
    """Take over a side's answers into chosen recordings (`flow`, or `flow/step`) and say what changed."""
    where, accepted, place = (
        inputs.folder(settings, folder),
        inputs.rules(settings, rules),
        inputs.place(settings),
    )
    origin = inputs.provenance(settings, url, accepted, source, release)
    report = guarded(
        lambda: accept(where, url, cases, accepted, deadline=deadline, place=place, provenance=origin)
    )
    print_accepted(settings, report)
    context.exit(report.exit_code)
