"""Writes a verification as JUnit XML, for a build server to show; it must not decide what failed."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from golden.files import write
from golden.report import Case, VerifyReport

# XML 1.0 has no form for these, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(report: VerifyReport, path: Path) -> None:
    """One suite per flow, one test case per recording: a difference is a failure, the rest is an error.

    Raises `RecordingError` when the file cannot be written.
    """
    root = ET.Element("testsuites", name="golden", **_counts(list(report.cases), len(report.problems)))
    flows: dict[str, list[Case]] = {}
    for case in report.cases:
        flows.setdefault(case.flow, []).append(case)
    for flow, cases in flows.items():
        suite = ET.SubElement(root, "testsuite", name=_clean(flow), **_counts(cases, 0))
        for case in cases:
            _case(suite, case)
    if report.problems:
        suite = ET.SubElement(root, "testsuite", name="files", **_counts([], len(report.problems)))
        for problem in report.problems:
            item = ET.SubElement(
                suite, "testcase", classname="golden.files", name=_clean(problem.file or "recordings")
            )
            ET.SubElement(item, "error", type="problem", message=_clean(str(problem)))
    ET.indent(root)
    write(path, ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n")


def _counts(cases: list[Case], problems: int) -> dict[str, Any]:
    failed = sum(case.failed for case in cases)
    return {
        "tests": str(len(cases) + problems),
        "failures": str(failed),
        "errors": str(sum(not case.passed for case in cases) - failed + problems),
        "time": f"{sum(case.elapsed for case in cases):.3f}",
    }


def _case(suite: ET.Element, case: Case) -> None:
    item = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(f"golden.{case.flow}"),
        name=_clean(case.id.partition("/")[2]),
        file=_clean(case.file),
        time=f"{case.elapsed:.3f}",
    )
    if case.passed:
        return
    kind = "failure" if case.failed else "error"
    found = ET.SubElement(item, kind, type=case.word, message=_clean(case.failures[0]))
    found.text = _clean("\n".join([f"flow {case.flow}, step {case.step}", *case.failures]))


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
