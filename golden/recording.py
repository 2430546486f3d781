"""One recorded case as one JSON file: a step and the answer that was right; it must not know how to play it.

Keys sorted, two spaces, text unescaped, a final newline: the file is meant to be read in a review.
`Recording` offers the same case as a `RequestSnapshot` and an `Observation`, the types live traffic is
compared by.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from golden.body import Body
from golden.step import Step
from shadow import Headers, Observation, RequestSnapshot

FORMAT = 2
MARK = "banyan_recording"

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, scrubbed: `headers` are lower-case names with values."""

    status: int
    headers: Fields
    body: Body


@dataclass(frozen=True, slots=True)
class Recording:
    """A case. `references`: each name used and the form of its values; `scrubbed_with` identifies the key;
    `recorded`: where it comes from (`provenance`).
    """

    flow: str
    step: Step
    answer: Answer
    references: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    scrubbed_with: str = ""
    file: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`flow/NN-step`, as the file is called."""
        return f"{self.flow}/{file_name(self.step).removesuffix('.json')}"

    def is_called(self, name: str) -> bool:
        """Whether a person may mean this one: by its id, its file, or `flow/step` with the step's name."""
        return name in (self.id, self.file, f"{self.flow}/{self.step.name}")

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
            MARK: FORMAT,
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
            **({"recorded": dict(self.recorded)} if self.recorded else {}),
        }
        return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def file_name(step: Step) -> str:
    """`03-place-order.json`."""
    slug = re.sub(r"[^\w.-]+", "-", step.name)
    return f"{step.number:02d}-{slug}.json"


def _bytes(fields: Fields) -> Headers:
    return tuple((name.encode("latin-1", "replace"), value.encode("utf-8")) for name, value in fields)


def _lines(fields: Fields) -> list[str]:
    return [f"{name}: {value}" for name, value in fields]
