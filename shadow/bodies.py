"""Stages 1 and 2: turns two bodies into two values that can be walked, or says why that cannot be done. It
must not know rules.

Every family of content ends in plain values (objects, lists, text, numbers), so one walk serves them all.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from shadow.events import common_part, read_events
from shadow.markup import MAX_HTML, decoded, read_html
from shadow.media import Family, Media, media_of
from shadow.model import Observation
from shadow.multipart import read_parts
from shadow.parse import Parsed, Unreadable, parse_pair

_KEY = secrets.token_bytes(32)
"""Of this process: the plain hash of a body that is short, such as a code, tells what it is."""
MAX_BODY = 64 * 1024 * 1024
"""Longer bodies are compared by their bytes only. What is copied at all is bounded by whoever copies."""


class Bodies(NamedTuple):
    """Two values to walk. ``equal``: they are known to be equal already. ``open``: why no difference is no
    proof of equality. ``parsed``: they are what JSON or events say, not what stands in their place.
    """

    stage: str
    control: Any = None
    candidate: Any = None
    equal: bool = False
    open: str = ""
    parsed: bool = False

    def swapped(self) -> Bodies:
        """The same two, the other one first."""
        return self._replace(control=self.candidate, candidate=self.control)


def read_bodies(control: Observation, candidate: Observation) -> Bodies:
    """Make the two bodies comparable."""
    gap = _gap(control) or _gap(candidate)
    if control.body == candidate.body:
        return Bodies("bytes", equal=True, open=gap)
    if max(len(control.body), len(candidate.body)) > MAX_BODY:
        return Bodies("bytes", equal=True, open="a body is longer than what is compared")
    ours = media_of(control.headers)
    theirs = ours if control.headers == candidate.headers else media_of(candidate.headers)
    if ours.family is Family.EVENTS and theirs.family is Family.EVENTS:
        return _events(control.body, candidate.body, gap)
    if gap:
        return Bodies("bytes", equal=True, open=gap)
    if ours.family is not theirs.family:
        return Bodies("parse", _other(control, ours), [_other(candidate, theirs)])
    return _READERS[ours.family](control.body, candidate.body, ours, theirs)


def _gap(side: Observation) -> str:
    """Why this observation is not the whole answer, or an empty string."""
    if side.truncated:
        return f"the answer of {side.side} ended early"
    return f"the copy of {side.side}'s answer was cut after {len(side.body)} bytes" if side.cut else ""


def _events(control: bytes, candidate: bytes, gap: str) -> Bodies:
    ours, theirs = read_events(control, candidate)
    if gap:
        ours, theirs = common_part(ours, theirs)
    return Bodies("parse", ours, theirs, open=gap, parsed=True)


def _other(side: Observation, media: Media) -> Any:
    """A body beside one of another family: only what it is, as its content cannot be set against the
    other's.
    """
    return {"type": media.family.value, "bytes": len(side.body)}


def _json(control: bytes, candidate: bytes, ours: Media, theirs: Media) -> Bodies:
    one, other = parse_pair(control, candidate)
    if isinstance(one, Parsed) and isinstance(other, Parsed):
        same = one.canonical == other.canonical
        return Bodies("parse", one.value, other.value, same, parsed=True)
    readable = not isinstance(one, Unreadable), not isinstance(other, Unreadable)
    for parsed in (one, other):
        if isinstance(parsed, Unreadable) and not parsed.invalid:
            return Bodies("parse", equal=True, open=f"JSON: {parsed.reason}")
    if any(readable):  # one side sends JSON and the other only says so
        wrong = {"type": "not JSON"}
        return Bodies("parse", ["JSON"] if readable[0] else wrong, ["JSON"] if readable[1] else wrong)
    return _text(control, candidate, ours, theirs)


def _html(control: bytes, candidate: bytes, ours: Media, theirs: Media) -> Bodies:
    if max(len(control), len(candidate)) > MAX_HTML:
        return Bodies("parse", equal=True, open="a page is longer than what is parsed")
    return Bodies("parse", read_html(control, ours.charset), read_html(candidate, theirs.charset))


def _form(control: bytes, candidate: bytes, ours: Media, theirs: Media) -> Bodies:
    return Bodies("parse", _fields(control), _fields(candidate))


def _fields(body: bytes) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(decoded(body, "utf-8"), keep_blank_values=True, errors="backslashreplace"):
        fields.setdefault(name, []).append(value)
    return fields


def _text(control: bytes, candidate: bytes, ours: Media, theirs: Media) -> Bodies:
    return Bodies("parse", decoded(control, ours.charset), decoded(candidate, theirs.charset))


def _binary(control: bytes, candidate: bytes, ours: Media, theirs: Media) -> Bodies:
    return Bodies("parse", _fingerprint(control), _fingerprint(candidate))


def _multipart(control: bytes, candidate: bytes, ours: Media, theirs: Media) -> Bodies:
    """Part by part: the boundary is made up anew for each answer."""
    if not (ours.boundary and theirs.boundary):
        return _binary(control, candidate, ours, theirs)
    return Bodies("parse", _parts(control, ours), _parts(candidate, theirs))


def _parts(body: bytes, media: Media) -> list[dict[str, Any]]:
    return [
        {"fields": fields, **_fingerprint(content)} for fields, content in read_parts(body, media.boundary)
    ]


def _fingerprint(body: bytes) -> dict[str, Any]:
    return {"bytes": len(body), "sha256": hmac.digest(_KEY, body, "sha256").hex()}


_READERS: Mapping[Family, Callable[[bytes, bytes, Media, Media], Bodies]] = MappingProxyType(
    {
        Family.JSON: _json,
        Family.HTML: _html,
        Family.FORM: _form,
        Family.TEXT: _text,
        Family.MULTIPART: _multipart,
        Family.BINARY: _binary,
    }
)
