"""Which files a report may take the place of: an empty one, or an earlier report of its kind; it must not
write.

A report is written at the end of a run, so what would keep it from being written is said before the first
request.
"""

from pathlib import Path

from golden.baseline import read_run
from golden.errors import RecordingError
from golden.reading import LARGEST
from golden.regular import read_regular, why

_MARKS = {"junit": b'<testsuites name="golden"', "markdown": b"## Goldens: "}


def check_place(path: Path, kind: str) -> None:
    """Raises `RecordingError` unless a report (`junit`, `markdown`, `run`) may be written there.

    Its folder has to be there: one that is made because of a typing error is never found again.
    """
    if not path.parent.is_dir():
        raise RecordingError(str(path), f"cannot be written: there is no folder {path.parent}")
    if not path.exists():
        return
    try:
        there = read_regular(path, LARGEST)
    except OSError as error:
        raise RecordingError(str(path), why(error)) from None
    if there and not _is_ours(path, there, kind):
        raise RecordingError(str(path), f"is there and holds something else than a {kind} report: left alone")


def _is_ours(path: Path, there: bytes, kind: str) -> bool:
    if kind in _MARKS:
        return there.startswith(_MARKS[kind])
    try:
        read_run(path)
    except RecordingError:
        return False
    return True
