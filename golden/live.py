"""Recognises a live request that has a recording; it must not do any input or output once loaded.

What an answer should be depends on what the session did before. So a recording is looked up by the request
and by the journey: a fingerprint over the unsafe requests so far (method, path, normalised body; no
headers, no cookies).
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from golden import template, volatile
from golden.body import Body, strict_json
from golden.files import gaps, journeys, read_all
from golden.recording import Recording
from golden.report import Problem
from golden.scrub import Scrubber, scrubber_for
from shadow import DEFAULT_RULES, RequestSnapshot, Rules

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_START = "0" * 32
_VAGUE = ("<string>", "<digits>")


class JourneyState:
    """What one session has done so far. Make one when the session begins, advance it with every request."""

    __slots__ = ("_scrubber", "fingerprint")

    def __init__(self, scrubber: Scrubber | None = None) -> None:
        self.fingerprint = _START
        self._scrubber = scrubber or scrubber_for(DEFAULT_RULES)

    def advance(self, request: RequestSnapshot) -> None:
        """Take a request into account (after it was looked up). A safe one changes nothing."""
        if request.method not in SAFE:
            self.fingerprint = _next(self.fingerprint, _identity(request, self._scrubber))


class GoldenIndex:
    """The recordings that live requests are recognised as. `problems` are files that could not be used."""

    def __init__(
        self, cases: Mapping[str, Recording], problems: tuple[Problem, ...], scrubber: Scrubber
    ) -> None:
        self._cases = cases
        self.problems = problems
        self.scrubber = scrubber

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        rules: Rules = DEFAULT_RULES,
        key: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "GoldenIndex":
        """Read the folder once. Of two recordings of one request in one state the first by name is taken."""
        scrubber = scrubber_for(rules, key)
        recordings, unreadable = read_all(folder)
        problems = [Problem(error.file, error.what) for error in unreadable]
        cases: dict[str, Recording] = {}
        for name, items in journeys(recordings).items():
            if found := gaps(items):
                problems.append(Problem(str(folder / name), found[0], name))
                continue
            for case, recording in _walk(items, scrubber, os.environ if env is None else env):
                cases.setdefault(case, recording)
        return cls(cases, tuple(problems), scrubber)

    def __len__(self) -> int:
        return len(self._cases)

    def begin(self) -> JourneyState:
        """The state of a session at its first request, scrubbing as this index does."""
        return JourneyState(self.scrubber)

    def find(self, request: RequestSnapshot, journey: str) -> Recording | None:
        """The recording of this request in this state (`JourneyState.fingerprint` before it), or None."""
        if request.body_cut:
            return None
        return self._cases.get(_next(journey, _identity(request, self.scrubber)))


def _walk(items: list[Recording], scrubber: Scrubber, env: Mapping[str, str]) -> list[tuple[str, Recording]]:
    """The cases of one journey, up to the first request whose values nothing tells apart from any other."""
    found = []
    state = _START
    forms: dict[str, str] = {}
    for recording in items:
        forms |= recording.references
        forms |= {name: env[variable] for name, variable in recording.secrets.items() if env.get(variable)}
        vague = any(forms.get(name, "<string>") in _VAGUE for name in recording.step.references)
        if vague and recording.step.method not in SAFE:
            break
        if vague:
            continue
        identity = _identity(_as_sent(recording, forms), scrubber)
        found.append((_next(state, identity), recording))
        if recording.step.method not in SAFE:
            state = _next(state, identity)
    return found


def _as_sent(recording: Recording, forms: Mapping[str, str]) -> RequestSnapshot:
    step = recording.step
    return RequestSnapshot(
        method=step.method,
        target=template.fill(step.target, forms),
        headers=tuple((name.encode("latin-1", "replace"), value.encode()) for name, value in step.headers),
        body=step.body.encode(forms),
    )


def _identity(request: RequestSnapshot, scrubber: Scrubber) -> str:
    """What makes two requests the same: method, target and body, without what differs at every call."""
    content_type = next((v for n, v in request.headers if n.lower() == b"content-type"), b"").decode(
        "latin-1"
    )
    path, mark, query = request.target.partition("?")
    target = volatile.normalise_text(path) + (mark + _text(_pairs(query), scrubber) if mark else "")
    return _text([request.method, target, _body(request.body, content_type.lower())], scrubber)


def _body(raw: bytes, content_type: str) -> Any:
    if "x-www-form-urlencoded" in content_type:
        return _pairs(raw.decode("utf-8", "replace"))
    if "json" in content_type:
        try:
            return strict_json(raw)
        except (ValueError, RecursionError):
            pass  # No JSON after all: known by its bytes.
    return Body.of(raw, "").value


def _pairs(text: str) -> dict[str, list[str]]:
    pairs: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        pairs.setdefault(name, []).append(value)
    return pairs


def _text(value: Any, scrubber: Scrubber) -> str:
    clean = scrubber.value(volatile.normalise(value))
    return json.dumps(clean, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _next(state: str, identity: str) -> str:
    return hashlib.sha256(f"{state}\0{identity}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
