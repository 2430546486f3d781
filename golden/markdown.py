"""Writes a verification as Markdown, for a pull request; it must not decide what failed."""

import re
from pathlib import Path

from golden.files import write
from golden.report import Case, VerifyReport

_LARGEST = 900_000  # bytes: GitHub takes no summary of more than 1 MiB, and drops it as a whole
_MOST_FLOWS = 500


def write_markdown(report: VerifyReport, path: Path) -> None:
    """Raises `RecordingError` when the file cannot be written."""
    write(path, to_markdown(report))


def to_markdown(report: VerifyReport) -> str:
    """A heading with the answer, one row per flow, and below it every failure."""
    counts = f"{report.passed} passed, {report.failed} failed, {report.stale} stale"
    counts += f", {report.undetermined} undetermined"
    control = f", with the control `{report.control}`" if report.control else ""
    lines = [
        f"## Goldens: {report.word}",
        "",
        f"`{report.url}`{control}: {counts} of {len(report.cases)}.",
        "",
        "| flow | steps | passed | failed | stale | undetermined |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    flows: dict[str, list[Case]] = {}
    for case in report.cases:
        flows.setdefault(case.flow, []).append(case)
    told = flows if len(flows) <= _MOST_FLOWS else _worst(flows)
    for flow, cases in told.items():
        passed, failed = sum(case.passed for case in cases), sum(case.failed for case in cases)
        stale = sum(case.stale for case in cases)
        row = (_cell(flow), len(cases), passed, failed, stale, len(cases) - passed - failed - stale)
        lines.append(f"| {' | '.join(map(str, row))} |")
    if len(told) < len(flows):
        lines += ["", f"{len(flows) - len(told)} more flows, those that passed first, are left out here."]
    for title, found in (("Problems", report.problems), ("Warnings", report.warnings)):
        if found:
            lines += [
                "",
                f"### {title}",
                "",
                *(f"- {_code(str(problem))}" for problem in found[:_MOST_FLOWS]),
            ]
            if len(found) > _MOST_FLOWS:
                lines.append(f"- {len(found) - _MOST_FLOWS} more")
    lines += _failures([case for case in report.cases if not case.passed], sum(map(_size, lines)))
    if report.rules_used:
        lines += ["", f"Rules used: {', '.join(f'`{rule}`' for rule in sorted(report.rules_used))}."]
    return "\n".join(lines) + "\n"


def _worst(flows: dict[str, list[Case]]) -> dict[str, list[Case]]:
    failed = [(flow, cases) for flow, cases in flows.items() if not all(case.passed for case in cases)]
    return dict(failed[:_MOST_FLOWS])


def _failures(cases: list[Case], size: int) -> list[str]:
    """What did not pass, for as long as there is room; `size` is what stands there already, in bytes."""
    lines: list[str] = []
    for number, case in enumerate(cases):
        more = ["", f"### {_cell(case.id)}: {case.word}", "", *(f"- {_code(one)}" for one in case.failures)]
        size += sum(map(_size, more))
        if size > _LARGEST:
            return [*lines, "", f"{len(cases) - number} more did not pass; the JUnit report has them all."]
        lines += more
    return lines


def _size(line: str) -> int:
    return len(line.encode("utf-8", "replace")) + 1


def _cell(text: str) -> str:
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    # Code is the one place where an answer's own text cannot become markup; the fence is longer than any
    # inside.
    text = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"
