"""The folder of recordings: reading all of them, writing one safely; it must not know what is in an answer.

`<folder>/<flow>/<NN>-<step>.json`. A file is replaced as a whole or not at all, and only when its content
really changed, so that a recording run leaves a clean working tree where nothing changed.
"""

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from golden.errors import RecordingError
from golden.reading import read
from golden.recording import Recording, file_name

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"


def path_of(folder: Path, recording: Recording) -> Path:
    """Where a recording belongs."""
    return folder / recording.flow / file_name(recording.step)


def read_all(folder: Path) -> tuple[list[Recording], list[RecordingError]]:
    """Every recording below the folder, in the order of the journeys, and a problem for every other file."""
    recordings: list[Recording] = []
    problems: list[RecordingError] = []
    for place in folders_of(folder):
        found, unreadable = read_folder(place)
        recordings += found
        problems += unreadable
    recordings.sort(key=lambda item: (item.flow, item.step.number, item.file))
    return recordings, problems


def folders_of(folder: Path) -> list[Path]:
    """Every folder below (and itself) that holds recordings, or what passes for some."""
    return sorted({path.parent for path in folder.rglob("*.json")})


def read_folder(folder: Path) -> tuple[list[Recording], list[RecordingError]]:
    """The recordings of one folder (not of those below), and a problem for every other file."""
    recordings: list[Recording] = []
    problems: list[RecordingError] = []
    for path in sorted(folder.glob("*.json")):
        try:
            recordings.append(read(path))
        except RecordingError as error:
            problems.append(error)
    recordings.sort(key=lambda item: (item.flow, item.step.number, item.file))
    return recordings, problems


def journeys(recordings: list[Recording]) -> dict[str, list[Recording]]:
    """The recordings by flow, each in the order of its steps."""
    found: dict[str, list[Recording]] = {}
    for recording in recordings:
        found.setdefault(recording.flow, []).append(recording)
    return found


def gaps(journey: list[Recording]) -> list[str]:
    """What is wrong with the order of one journey: a step that is missing or there twice."""
    numbers = [recording.step.number for recording in journey]
    problems = [
        f"step {number} is there twice" for number in sorted({n for n in numbers if numbers.count(n) > 1})
    ]
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    return problems + [
        f"step {number} is missing, so later steps would start from another state" for number in missing
    ]


def keep(folder: Path, recording: Recording) -> str:
    """Write a recording where it belongs, unless the one that is there says the same: CREATED, CHANGED or
    UNCHANGED. Raises `RecordingError`.
    """
    path = path_of(folder, recording)
    with contextlib.suppress(RecordingError):
        # Only where it comes from is other: that is no news, and no line in a review.
        if path.exists() and replace(read(path), recorded={}, file="") == replace(
            recording, recorded={}, file=""
        ):
            return UNCHANGED
    return write(path, recording.to_text())


def write(path: Path, text: str) -> str:
    """Write a file atomically if it differs: CREATED, CHANGED or UNCHANGED. Raises `RecordingError`."""
    try:
        before = path.read_bytes() if path.exists() else None
        if before == text.encode():
            return UNCHANGED
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise RecordingError(str(path), f"cannot be written ({error.strerror})") from None
    return CREATED if before is None else CHANGED


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # for review by others: mkstemp gives the owner alone a look
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
