"""What golden commands print: the answer first, then every reason for it."""

from __future__ import annotations

import msgspec

from gateway.cli.output import on_one_line, print_json, say, table
from gateway.cli.settings import Settings
from golden import AcceptReport, Changes, LintReport, Problem, RecordReport, VerifyReport, run_of

__all__ = ["print_accepted", "print_changes", "print_lint", "print_recorded", "print_verified"]


def print_recorded(settings: Settings, report: RecordReport) -> None:
    """What a recording run wrote."""
    if settings.as_json:
        saved = [
            {"file": one.file, "flow": one.flow, "step": one.step, "outcome": one.outcome}
            for one in report.saved
        ]
        problems, warnings = _all(report.problems), _all(report.warnings)
        print_json({"from": report.url, "saved": saved, "problems": problems, "warnings": warnings})
        return
    rows = [(one.outcome, one.flow, one.step, one.file) for one in report.saved]
    table(("outcome", "flow", "step", "file"), rows, nothing="Nothing was recorded.")
    _list("warning", report.warnings)
    _list("problem", report.problems)


def print_verified(
    settings: Settings, report: VerifyReport, code: int, different: Changes | None = None
) -> None:
    """What a verification found: what is wrong with the files, then every failure, and a count."""
    if settings.as_json:
        beside = {} if different is None else {"changes": msgspec.to_builtins(different)}
        print_json(run_of(report) | {"exit_code": code} | beside)
        return
    # First, as what follows may come of it.
    _list("problem", report.problems)
    _list("warning", report.warnings)
    for case in report.cases:
        if not case.passed:
            say(f"{'differs' if case.failed else case.word}: {case.id}")
            for failure in case.failures:
                say(f"  {failure}")
    counted = f"{report.passed} passed, {report.failed} failed, {report.undetermined} undetermined"
    if report.stale:
        counted += f", {report.stale} stale"
    control = f" (control {report.control})" if report.control else ""
    say(f"{report.word}: {counted}, against {report.url}{control}")


def print_changes(different: Changes) -> None:
    """What is not as in the kept run."""
    for name, lines in different.regressions.items():
        say(f"regression: {name}")
        for line in lines:
            say(f"  {line}")
    for word, names in (("fixed", different.fixes), ("new", different.added), ("gone", different.gone)):
        for name in names:
            say(f"{word}: {name}")
    say(
        f"since the baseline: {len(different.regressions)} regressions, {len(different.fixes)} fixes, "
        f"{different.unchanged} unchanged ({len(different.still_failing)} of them still failing)"
    )


def print_accepted(settings: Settings, report: AcceptReport) -> None:
    """What was taken over."""
    if settings.as_json:
        cases = [
            {"id": one.id, "file": one.file, "outcome": one.outcome, "changes": list(one.lines)}
            for one in report.cases
        ]
        print_json({"from": report.url, "cases": cases, "problems": _all(report.problems)})
        return
    for one in report.cases:
        say(f"{one.outcome}: {one.id}")
        for line in one.lines:
            say(f"  {line}")
    _list("problem", report.problems)


def print_lint(settings: Settings, report: LintReport) -> None:
    """What is wrong with a folder."""
    if settings.as_json:
        found = {"errors": _all(report.errors), "warnings": _all(report.warnings)}
        print_json({"recordings": report.recordings, **found})
        return
    _list("error", report.errors)
    _list("warning", report.warnings)
    say(f"{report.recordings} recordings, {len(report.errors)} errors, {len(report.warnings)} warnings")


def _list(word: str, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        say(on_one_line(f"{word}: {problem}"))


def _all(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [{"file": one.file, "flow": one.flow, "step": one.step, "what": one.what} for one in problems]
