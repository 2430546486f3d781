"""A step as it is sent, once the values it refers to are known; it must not know who sends it."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from golden import extraction, template
from golden.errors import ThreadingError
from golden.step import Step
from shadow import Observation

_WRITTEN = "%/:?#[]@!$&'()*+,;=~{}|\"<>^`\\"


class Rendered(NamedTuple):
    """One request: `target` is ready for the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def render(step: Step, values: Mapping[str, str]) -> Rendered:
    """The request of a step; raises `ThreadingError` for a value that is not known or cannot be sent."""
    target = template.fill(step.target, values, lambda value: quote(value, safe=""))
    headers = tuple((name, template.fill(value, values)) for name, value in step.headers)
    if any(not _sendable(value) for _, value in headers):
        raise ThreadingError("a header's value holds a line break or another control character")
    return Rendered(step.method, ready(target), headers, step.body.encode(values))


def ready(target: str) -> str:
    """A target as somebody wrote it into a flow, ready for the wire."""
    return quote(target, safe=_WRITTEN)


def handed_on(step: Step, answer: Observation, cookies: Mapping[str, str]) -> dict[str, str]:
    """What later steps need of an answer; raises `ThreadingError` when it is not there."""
    return {item.name: extraction.extract(item, answer, cookies) for item in step.extract}


def _sendable(value: str) -> bool:
    return not any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in value)
