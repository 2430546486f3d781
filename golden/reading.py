"""Reads one recording's file, or says what is wrong with it; it must not know the folder."""

from pathlib import Path
from typing import Any

from golden import extraction, provenance
from golden.body import Body, strict_json
from golden.errors import RecordingError
from golden.recording import FORMAT, MARK, Answer, Fields, Recording
from golden.regular import read_regular, why
from golden.step import Step

MOST_STEPS = 100_000  # of one journey
LARGEST = 64 * 1024 * 1024  # bytes: far more than any answer that is recorded comes to
_KEYS = {
    MARK,
    "answer",
    "extract",
    "flow",
    "number",
    "recorded",
    "references",
    "request",
    "scrubbed_with",
    "secrets",
    "step",
}


def read(path: Path) -> Recording:
    """Read one file; raises `RecordingError` naming it and what is wrong with it."""
    try:
        data = strict_json(read_regular(path, LARGEST).decode())
    except OSError as error:
        raise RecordingError(str(path), why(error)) from None
    except (ValueError, RecursionError) as error:
        raise RecordingError(str(path), f"is corrupt or cut off, no valid JSON ({error})") from None
    if not isinstance(data, dict) or MARK not in data:
        raise RecordingError(str(path), f"is no recording of Banyan (it has no {MARK!r})")
    version = data[MARK]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RecordingError(str(path), f"has the format {version!r}, expected {FORMAT}")
    if version < FORMAT:
        raise RecordingError(
            str(path), f"has the older format {version}; this Banyan writes {FORMAT}: record it again"
        )
    if version > FORMAT:
        raise RecordingError(str(path), f"has the newer format {version}; this Banyan reads up to {FORMAT}")
    try:
        return _recording(data, str(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise RecordingError(str(path), f"is damaged: {what}") from None


def _recording(data: dict[str, Any], file: str) -> Recording:
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")
    request, answer = data["request"], data["answer"]
    step = Step(
        number=_within(_integer(data["number"], "number"), "number", 1, MOST_STEPS),
        name=_name(data["step"], "step"),
        method=_string(request["method"], "request.method"),
        target=_string(request["target"], "request.target"),
        headers=_fields(request["headers"]),
        body=Body.from_file(request["body"]),
        extract=tuple(extraction.parse(name, text) for name, text in _strings(data["extract"]).items()),
    )
    if wrong := step.unsendable():
        raise ValueError(wrong)
    return Recording(
        flow=_name(data["flow"], "flow"),
        step=step,
        answer=Answer(
            status=_within(_integer(answer["status"], "answer.status"), "answer.status", 100, 999),
            headers=_fields(answer["headers"]),
            body=Body.from_file(answer["body"]),
        ),
        references=_strings(data["references"]),
        secrets=_strings(data["secrets"]),
        scrubbed_with=_string(data["scrubbed_with"], "scrubbed_with"),
        file=file,
        recorded=_recorded(data.get("recorded", {})),
    )


def _recorded(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not set(value) <= provenance.KEYS:
        raise ValueError(
            f"recorded is an object with no other keys than {', '.join(sorted(provenance.KEYS))}"
        )
    return value


def _fields(lines: Any) -> Fields:
    pairs = [_string(line, "a header").partition(": ") for line in lines]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError("a header is written 'name: value'")
    return tuple((name, value) for name, _, value in pairs)


def _string(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a string")
    return value


def _name(value: Any, what: str) -> str:
    if not _string(value, what).isprintable() or not value:
        raise ValueError(f"{what} = {value!r}: expected a name on one line")
    return str(value)


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{what} must be a whole number")
    return value


def _within(value: int, what: str, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{what} must be from {least} to {most}")
    return value


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("references, secrets and extract map names to strings")
    return value
