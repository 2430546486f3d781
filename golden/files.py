"""The folder of recordings: reading all of them, writing one safely; it must not know what is in an answer.

`<folder>/<flow>/<NN>-<step>.json`. A file is replaced as a whole or not at all, and only when its content
really changed, so that a recording run leaves a clean working tree where nothing changed.
"""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from golden.errors import RecordingError
from golden.reading import read
from golden.recording import Recording, file_name
from golden.regular import kind, why

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"


def path_of(folder: Path, recording: Recording) -> Path:
    """Where a recording belongs."""
    return folder / recording.flow / file_name(recording.step)


def read_all(folder: Path) -> tuple[list[Recording], list[RecordingError]]:
    """Every recording below the folder, in the order of the journeys, and a problem for every other file."""
    recordings: list[Recording] = []
    places, problems = folders_of(folder)
    for place in places:
        found, unreadable = read_folder(place)
        recordings += found
        problems += unreadable
    recordings.sort(key=lambda item: (item.flow, item.step.number, item.file))
    return recordings, problems


def folders_of(folder: Path) -> tuple[list[Path], list[RecordingError]]:
    """Every folder below (and itself) that holds recordings, or what passes for some, links followed; and a
    problem for each that cannot be looked into.
    """
    places: list[Path] = []
    problems: list[RecordingError] = []
    met: set[str] = set()

    def note(error: OSError) -> None:
        if folder.exists():
            problems.append(RecordingError(str(error.filename), why(error)))

    for home, below, files in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(home)
        if real in met:  # a link back up, or to what is looked at anyway
            below.clear()
            continue
        met.add(real)
        if any(name.endswith(".json") for name in (*files, *below)):
            places.append(Path(home))
    return sorted(places), problems


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


def disorder(journey: Sequence[Recording], unreadable: Sequence[RecordingError] = ()) -> list[RecordingError]:
    """What is wrong with the order of one journey: two files for one step or of one name, a step that is
    missing. `unreadable` files have been named already: a step of theirs is not missing.
    """
    numbers: dict[int, str] = {}
    names: dict[str, str] = {}
    problems: list[RecordingError] = []
    for item in journey:
        number, name = item.step.number, item.step.name
        if number in numbers:
            problems.append(RecordingError(item.file, f"step {number} is in {numbers[number]} too"))
        elif name in names:
            problems.append(RecordingError(item.file, f"a step called {name!r} is in {names[name]} too"))
        numbers.setdefault(number, item.file)
        names.setdefault(name, item.file)
    known = {*numbers, *(_number_of(Path(error.file)) for error in unreadable)}
    folder = str(Path(journey[0].file).parent) if journey else ""
    return problems + [
        RecordingError(folder, f"step {number} is missing, so later steps would start from another state")
        for number in range(1, max(numbers, default=0) + 1)
        if number not in known
    ]


def _number_of(path: Path) -> int:
    """The step a file is of, by its name; 0 when that does not say."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 10 else 0


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
    """Write a file atomically if it differs: CREATED, CHANGED or UNCHANGED. A link stays, and what it names
    is written. Raises `RecordingError`.
    """
    try:
        path = Path(os.path.realpath(path))
        if path.exists() and (other := kind(path.stat().st_mode)):
            raise RecordingError(str(path), f"is {other}, no file, and is left alone")
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
