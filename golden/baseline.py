"""A verification set against an earlier one: what broke, what was mended, what stayed; it must not judge.

A run is kept as JSON, as `banyan --json golden verify` prints it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.errors import RecordingError
from golden.files import write
from golden.reading import LARGEST
from golden.regular import read_regular, why
from golden.report import VerifyReport


@dataclass(frozen=True, slots=True)
class Changes:
    """By case: `regressions` have failures that were not there before; `unchanged` counts the others."""

    regressions: Mapping[str, tuple[str, ...]]
    fixes: tuple[str, ...]
    still_failing: tuple[str, ...]
    unchanged: int
    added: tuple[str, ...]
    gone: tuple[str, ...]


def run_of(report: VerifyReport) -> dict[str, Any]:
    """A verification as it is kept and printed: stable keys."""
    counts = {
        "passed": report.passed,
        "failed": report.failed,
        "stale": report.stale,
        "undetermined": report.undetermined,
    }
    cases = [
        {
            "id": case.id,
            "flow": case.flow,
            "step": case.step,
            "file": case.file,
            "verdict": case.word,
            "cause": str(case.cause),
            "seconds": case.elapsed,
            "failures": list(case.failures),
        }
        for case in report.cases
    ]
    problems = [
        {"file": one.file, "flow": one.flow, "step": one.step, "what": one.what} for one in report.problems
    ]
    return {
        "to": report.url,
        "control": report.control,
        "exit_code": report.exit_code,
        **counts,
        "cases": cases,
        "problems": problems,
        "warnings": [one.what for one in report.warnings],
    }


def save_run(report: VerifyReport, path: Path) -> None:
    """Keep a run. Raises `RecordingError` when the file cannot be written."""
    write(path, json.dumps(run_of(report), ensure_ascii=False, indent=1) + "\n")


def read_run(path: Path) -> dict[str, tuple[str, ...]]:
    """The failures of each case of a kept run. Raises `RecordingError` naming the file."""
    try:
        data = json.loads(read_regular(path, LARGEST))
        return {
            _text(case["id"]): tuple(map(_text, _list(case["failures"]))) for case in _list(data["cases"])
        }
    except OSError as error:
        raise RecordingError(str(path), why(error)) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordingError(str(path), "is no kept run of a verification") from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def exit_code_since(different: Changes, report: VerifyReport) -> int:
    """The exit code of a run that has to answer only for what is worse than before: 1 for a difference that
    was not there, 2 for what could be told before and cannot be now; what could not be read is never passed
    over.
    """
    worse = [
        c for c in report.cases if c.id in different.regressions or (c.id in different.added and not c.passed)
    ]
    if any(case.failed for case in worse):
        return 1
    return 2 if worse or report.problems or not report.cases else 0


def changes(before: Mapping[str, tuple[str, ...]], report: VerifyReport) -> Changes:
    """What is different now."""
    now = {case.id: case.failures for case in report.cases}
    both = [name for name in now if name in before]
    broken = {name: tuple(line for line in now[name] if line not in before[name]) for name in both}
    return Changes(
        regressions={name: lines for name, lines in broken.items() if lines},
        fixes=tuple(name for name in both if before[name] and not now[name]),
        still_failing=tuple(name for name in both if now[name] and not broken[name]),
        unchanged=sum(now[name] == before[name] for name in both),
        added=tuple(name for name in now if name not in before),
        gone=tuple(name for name in before if name not in now),
    )
