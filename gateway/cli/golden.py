"""`banyan golden record | verify | lint | show`: recorded answers, without a running gateway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli import golden_inputs as inputs
from gateway.cli.failures import NO, CommandError
from gateway.cli.golden_live import Wishes, live_options, record_live
from gateway.cli.golden_output import print_lint, print_recorded, print_verified
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, progress, say
from gateway.cli.settings import Settings
from golden import GoldenError, lint, read_all, record, show, verify, write_junit, write_markdown

__all__ = ["golden"]

_FILE = click.Path(path_type=Path)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--rules", type=_FILE, help="The rule file; default: the configured one.")(command)
    return click.option(
        "--dir", "folder", type=_FILE, help="The recordings; default: the configured folder."
    )(command)


@click.group()
@shared
def golden() -> None:
    """Record answers as the truth, and hold any side against them."""


@golden.command("record")
@click.option("--from", "url", metavar="URL", help="The side whose answers are the truth.")
@click.option("--live", metavar="FEATURE", help="Record sessions of this feature as they happen.")
@live_options
@click.option("--flow", "flows", multiple=True, type=_FILE, help="A flow, or a folder of flows.")
@click.argument("more", nargs=-1, type=_FILE, metavar="[FILE]...")
@click.option("--prune", is_flag=True, help="Remove recordings of steps that a flow no longer has.")
@_common
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
    scripted = inputs.flows([*flows, *more])
    if not scripted:
        raise click.UsageError("name at least one flow: --flow FILE")
    where = inputs.folder(settings, folder)
    with progress("recording") as tick:
        report = _guarded(
            lambda: record(
                scripted, url, where, rules=inputs.rules(settings, rules), prune=prune, progress=tick
            )
        )
    print_recorded(settings, report)
    context.exit(report.exit_code)


@golden.command("verify")
@click.option("--to", "url", required=True, metavar="URL", help="The side to hold against the recordings.")
@click.option("--junit", type=_FILE, help="Write a JUnit report here.")
@click.option("--markdown", type=_FILE, help="Write a Markdown report here.")
@click.option(
    "--flow", "flows", multiple=True, type=_FILE, help="Report recordings that this flow left behind."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only the recordings of this flow.")
@_common
@shared
@pass_settings
@click.pass_context
def verify_command(
    context: click.Context,
    settings: Settings,
    url: str,
    junit: Path | None,
    markdown: Path | None,
    flows: tuple[Path, ...],
    only: tuple[str, ...],
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
    with progress("verifying") as tick:
        report = _guarded(
            lambda: verify(where, url, accepted, flows=scripted, only=only, place=place, progress=tick)
        )
    if junit is not None:
        _guarded(lambda: write_junit(report, junit))
    if markdown is not None:
        _guarded(lambda: write_markdown(report, markdown))
    print_verified(settings, report)
    context.exit(report.exit_code)


@golden.command("lint")
@click.option(
    "--flow", "flows", multiple=True, type=_FILE, help="Compare with what was recorded from this flow."
)
@_common
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
    scripted = inputs.flows(list(flows))
    where = inputs.folder(settings, folder)
    report = _guarded(lambda: lint(where, inputs.rules(settings, rules), flows=scripted))
    print_lint(settings, report)
    context.exit(report.exit_code)


@golden.command("show")
@click.argument("case", required=False)
@_common
@shared
@pass_settings
def show_command(settings: Settings, case: str | None, folder: Path | None, rules: Path | None) -> None:
    """Show the recording CASE (`flow/step`), or list all."""
    del rules  # taken for the sake of sameness; showing accepts nothing
    recordings, unreadable = read_all(inputs.folder(settings, folder))
    for error in unreadable:
        say(f"cannot be read: {error}")
    if case is None:
        listed = [
            {"id": one.id, "flow": one.flow, "step": one.step.name, "file": one.file} for one in recordings
        ]
        if settings.as_json:
            print_json(listed)
        else:
            say("\n".join(one["id"] for one in listed) or "There is no recording here.")
        return
    found = [one for one in recordings if case in (one.id, one.file)]
    if not found:
        raise CommandError(f"there is no recording {case!r}; `banyan golden show` lists them.", NO)
    if settings.as_json:
        say(found[0].to_text())
    else:
        say(show(found[0]).rstrip("\n"))


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except GoldenError as error:
        raise CommandError(str(error)) from error
