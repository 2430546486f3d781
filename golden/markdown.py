"""Writes a verification as Markdown, for a pull request; it must not decide what failed."""

import re
from pathlib import Path

from golden.files import write
from golden.report import VerifyReport


def write_markdown(report: VerifyReport, path: Path) -> None:
    """Raises `RecordingError` when the file cannot be written."""
    write(path, to_markdown(report))


def to_markdown(report: VerifyReport) -> str:
    """A heading with the answer, one row per flow, and below it every failure."""
    word = {0: "all as recorded", 1: "differences found", 2: "could not be told"}[report.exit_code]
    counts = f"{report.passed} passed, {report.failed} failed, {report.undetermined} undetermined"
    lines = [
        f"## Goldens: {word}",
        "",
        f"`{report.url}`: {counts} of {len(report.cases)}.",
        "",
        "| flow | steps | passed | failed | undetermined |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for flow in dict.fromkeys(case.flow for case in report.cases):
        cases = [case for case in report.cases if case.flow == flow]
        passed, failed = sum(case.passed for case in cases), sum(case.failed for case in cases)
        lines.append(
            f"| {_cell(flow)} | {len(cases)} | {passed} | {failed} | {len(cases) - passed - failed} |"
        )
    for case in report.cases:
        if not case.passed:
            lines += ["", f"### {_cell(case.id)}: {case.comparison.verdict}", ""]
            lines += [f"- {_code(failure)}" for failure in case.failures]
    if report.problems:
        lines += ["", "### Problems", "", *(f"- {_code(str(problem))}" for problem in report.problems)]
    if report.rules_used:
        lines += ["", f"Rules used: {', '.join(f'`{rule}`' for rule in sorted(report.rules_used))}."]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    # Code is the one place where an answer's own text cannot become markup; the fence is longer than any
    # inside.
    text = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"
