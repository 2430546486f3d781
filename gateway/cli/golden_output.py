"""What golden commands print: the answer first, then every reason for it."""

from __future__ import annotations

from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings
from golden import LintReport, Problem, RecordReport, VerifyReport

__all__ = ["print_lint", "print_recorded", "print_verified"]

_WORDS = {0: "all as recorded", 1: "differences found", 2: "could not be told"}


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


def print_verified(settings: Settings, report: VerifyReport) -> None:
    """What a verification found: failures, problems and a count."""
    if settings.as_json:
        cases = [
            {
                "id": case.id,
                "flow": case.flow,
                "step": case.step,
                "file": case.file,
                "verdict": str(case.comparison.verdict),
                "seconds": case.elapsed,
                "failures": list(case.failures),
            }
            for case in report.cases
        ]
        counts = {"passed": report.passed, "failed": report.failed, "undetermined": report.undetermined}
        answer = {"to": report.url, "exit_code": report.exit_code, **counts, "cases": cases}
        print_json({**answer, "problems": _all(report.problems)})
        return
    for case in report.cases:
        if not case.passed:
            say(f"{'differs' if case.failed else 'undetermined'}: {case.id}")
            for failure in case.failures:
                say(f"  {failure}")
    _list("problem", report.problems)
    counted = f"{report.passed} passed, {report.failed} failed, {report.undetermined} undetermined"
    say(f"{_WORDS[report.exit_code]}: {counted}, against {report.url}")


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
        say(f"{word}: {problem}")


def _all(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [{"file": one.file, "flow": one.flow, "step": one.step, "what": one.what} for one in problems]
