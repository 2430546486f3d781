"""A verification as GitHub's workflow commands, which show each failure at its file; it must not decide what
failed.
"""

from collections.abc import Iterator
from pathlib import Path

from golden.report import VerifyReport

_MOST = 50  # GitHub shows no more of one step than a few, and a run of ten thousand is no help


def github_annotations(report: VerifyReport, root: Path | None = None) -> Iterator[str]:
    """One line per case that did not pass, and per problem; files are named relative to `root` (default:
    here).
    """
    root = root or Path.cwd()
    found = [
        (
            "error" if case.failed else "warning",
            case.file,
            f"{case.word}: {case.id}",
            "\n".join(case.failures[:10]),
        )
        for case in report.cases
        if not case.passed
    ]
    problems = [("error", problem.file, "golden", problem.what) for problem in report.problems]
    found = [*problems, *found, *(("warning", one.file, "golden", one.what) for one in report.warnings)]
    for kind, file, title, text in found[:_MOST]:
        path = Path(file)
        name = path.relative_to(root) if path.is_absolute() and path.is_relative_to(root) else path
        place = f"file={_property(str(name))}," if file else ""
        yield f"::{kind} {place}title={_property(title)}::{_data(text)}"
    if len(found) > _MOST:
        yield f"::error title=golden::{len(found) - _MOST} more did not pass"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
