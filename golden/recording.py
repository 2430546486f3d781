"""One recorded case as one JSON file: a step and the answer that was right; it must not know how to play it.

Keys sorted, two spaces, text unescaped, a final newline: the file is meant to be read in a review. `Recording`
offers the same case as a `RequestSnapshot` and an `Observation`, the types live traffic is compared by.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from golden import extraction
from golden.body import Body, strict_json
from golden.errors import RecordingError
from golden.flow import Step
from shadow import Headers, Observation, RequestSnapshot

FORMAT = 1
_MARK = "banyan_recording"
_KEYS = {
    _MARK,
    "answer",
    "extract",
    "flow",
    "number",
    "references",
    "request",
    "scrubbed_with",
    "secrets",
    "step",
}

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, scrubbed: `headers` are lower-case names with values."""

    status: int
    headers: Fields
    body: Body


@dataclass(frozen=True, slots=True)
class Recording:
    """A case: `references` maps each name used to the placeholder its values have, `scrubbed_with` names the key."""

    flow: str
    step: Step
    answer: Answer
    references: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    scrubbed_with: str = ""
    file: str = ""

    @property
    def id(self) -> str:
        """`flow/NN-step`, as the file is called."""
        return f"{self.flow}/{file_name(self.step).removesuffix('.json')}"

    @property
    def request(self) -> RequestSnapshot:
        """The request as recorded: references stand where live values will be."""
        return RequestSnapshot(
            method=self.step.method,
            target=self.step.target,
            headers=_bytes(self.step.headers),
            body=self.step.body.encode(),
        )

    @property
    def observation(self) -> Observation:
        """The answer as recorded, placeholders and all; its side is "golden"."""
        return Observation(
            side="golden",
            status=self.answer.status,
            headers=_bytes(self.answer.headers),
            body=self.answer.body.encode(),
            elapsed=0.0,
        )

    def to_text(self) -> str:
        """The file's content."""
        data = {
            _MARK: FORMAT,
            "flow": self.flow,
            "number": self.step.number,
            "step": self.step.name,
            "request": {
                "method": self.step.method,
                "target": self.step.target,
                "headers": _lines(self.step.headers),
                "body": self.step.body.to_file(),
            },
            "answer": {
                "status": self.answer.status,
                "headers": _lines(self.answer.headers),
                "body": self.answer.body.to_file(),
            },
            "extract": {item.name: item.text for item in self.step.extract},
            "references": dict(self.references),
            "secrets": dict(self.secrets),
            "scrubbed_with": self.scrubbed_with,
        }
        return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def file_name(step: Step) -> str:
    """`03-place-order.json`."""
    slug = re.sub(r"[^\w.-]+", "-", step.name)
    return f"{step.number:02d}-{slug}.json"


def read(path: Path) -> Recording:
    """Read one file; raises `RecordingError` naming it and what is wrong with it."""
    try:
        data = strict_json(path.read_text("utf-8"))
    except OSError as error:
        raise RecordingError(str(path), f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise RecordingError(str(path), f"is corrupt or cut off, no valid JSON ({error})") from None
    if not isinstance(data, dict) or _MARK not in data:
        raise RecordingError(str(path), f"is no recording of Banyan (it has no {_MARK!r})")
    version = data[_MARK]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RecordingError(str(path), f"has the format {version!r}, expected {FORMAT}")
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
        number=_integer(data["number"], "number"),
        name=_string(data["step"], "step"),
        method=_string(request["method"], "request.method"),
        target=_string(request["target"], "request.target"),
        headers=_fields(request["headers"]),
        body=Body.from_file(request["body"]),
        extract=tuple(extraction.parse(name, text) for name, text in _strings(data["extract"]).items()),
    )
    return Recording(
        flow=_string(data["flow"], "flow"),
        step=step,
        answer=Answer(
            status=_integer(answer["status"], "answer.status"),
            headers=_fields(answer["headers"]),
            body=Body.from_file(answer["body"]),
        ),
        references=_strings(data["references"]),
        secrets=_strings(data["secrets"]),
        scrubbed_with=_string(data["scrubbed_with"], "scrubbed_with"),
        file=file,
    )


def _bytes(fields: Fields) -> Headers:
    return tuple((name.encode("latin-1", "replace"), value.encode("utf-8")) for name, value in fields)


def _lines(fields: Fields) -> list[str]:
    return [f"{name}: {value}" for name, value in fields]


def _fields(lines: Any) -> Fields:
    pairs = [_string(line, "a header").partition(": ") for line in lines]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError("a header is written 'name: value'")
    return tuple((name, value) for name, _, value in pairs)


def _string(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a string")
    return value


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{what} must be a whole number")
    return value


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("references, secrets and extract map names to strings")
    return value
