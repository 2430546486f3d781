"""Recognises a live request that has a recording; it must not do any input or output once loaded.

What an answer should be depends on what the session did before. So a recording is looked up by the request
and by the journey: a fingerprint over the unsafe requests so far (method, path, normalised body; no headers)
and over the moments at which the session was given a cookie it did not have: asking for a token twice is not
the same as asking once. The names of cookies do not count, as each side has its own. A number that an answer
handed on is known by the name it has in the recording.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from golden import extraction, template, volatile
from golden.body import Body, strict_json
from golden.correlate import same_name
from golden.errors import StepError
from golden.files import disorder, journeys, read_all
from golden.recording import Recording
from golden.rendering import ready
from golden.report import Problem
from golden.scrub import Scrubber, scrubber_for
from shadow import (
    DEFAULT_RULES,
    SAFE_METHODS,
    Observation,
    RequestSnapshot,
    Rules,
    plain_observation,
    written_out,
)

_START = "0" * 32
_VAGUE = ("⟨string⟩", "⟨digits⟩")
_LONG = 6
_COOKIE_LENGTH = len(b"set-cookie")
_MOST_KNOWN = 4096


class JourneyState:
    """What one session has done so far. Make one when the session begins, advance it with every request."""

    __slots__ = ("_scrubber", "fingerprint", "held", "values")

    def __init__(self, scrubber: Scrubber | None = None) -> None:
        self.fingerprint = _START
        self.held: set[str] = set()
        self.values: dict[str, str] = {}
        self._scrubber = scrubber or scrubber_for(DEFAULT_RULES)

    def advance(
        self,
        request: RequestSnapshot,
        recording: Recording | None = None,
        answer: Observation | None = None,
    ) -> None:
        """Take a request into account (after it was looked up), and its answer.

        With the recording it was recognised as and the answer it got, the values handed on are known from
        here on.
        """
        if request.method not in SAFE_METHODS:
            self.fingerprint = _next(self.fingerprint, _identity(request, self._scrubber, self.values))
        if answer is None or answer.error:
            return
        self.fingerprint = _given(self.fingerprint, self.held, _cookies_set(answer))
        if recording is None or not recording.step.extract:
            return
        answer = plain_observation(answer)
        for item in recording.step.extract:
            try:
                value = extraction.extract(item, answer, _cookies_set(answer))
            except StepError:
                continue
            if volatile.form(value) in _VAGUE:
                self.values[item.name] = value


class GoldenIndex:
    """The recordings that live requests are recognised as. `problems` are files that could not be used."""

    def __init__(
        self, cases: Mapping[str, Recording], problems: tuple[Problem, ...], scrubber: Scrubber
    ) -> None:
        self._cases = cases
        self._plain: dict[tuple[str, str], str] = {}  # the identities of requests without a body
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
            if found := disorder(items):
                problems += [Problem(error.file, error.what, name) for error in found]
                continue
            for case, recording in _walk(items, scrubber, os.environ if env is None else env):
                cases.setdefault(case, recording)
        return cls(cases, tuple(problems), scrubber)

    def __len__(self) -> int:
        return len(self._cases)

    def begin(self) -> JourneyState:
        """The state of a session at its first request, scrubbing as this index does."""
        return JourneyState(self.scrubber)

    def find(self, request: RequestSnapshot, journey: JourneyState | str) -> Recording | None:
        """The recording of this request in this state (or its fingerprint) before it, or None."""
        if request.body_cut or not self._cases:
            return None
        state, values = (journey, {}) if isinstance(journey, str) else (journey.fingerprint, journey.values)
        return self._cases.get(_next(state, self._identity(request, values)))

    def _identity(self, request: RequestSnapshot, values: Mapping[str, str]) -> str:
        """What makes a request the same. Most have no body, and are made again and again."""
        if request.body or values:
            return _identity(request, self.scrubber, values)
        key = request.method, request.target
        known = self._plain.get(key)
        if known is None:
            if len(self._plain) >= _MOST_KNOWN:
                self._plain.clear()
            known = self._plain[key] = _identity(request, self.scrubber, values)
        return known


def _walk(items: list[Recording], scrubber: Scrubber, env: Mapping[str, str]) -> list[tuple[str, Recording]]:
    """The cases of one journey, up to the first request that needs a secret which is not known here."""
    found = []
    state = _START
    held: set[str] = set()
    forms: dict[str, str] = {}
    for recording in items:
        forms |= recording.references
        forms |= {name: env[variable] for name, variable in recording.secrets.items() if env.get(variable)}
        if any(name not in forms for name in recording.step.references):
            if recording.step.method in SAFE_METHODS:
                continue
            break
        named = {name: "{" + name + "}" if form in _VAGUE else form for name, form in forms.items()}
        identity = _identity(_as_sent(recording, named), scrubber, {})
        found.append((_next(state, identity), recording))
        if recording.step.method not in SAFE_METHODS:
            state = _next(state, identity)
        state = _given(state, held, _cookies_set(recording.observation))
    return found


def _given(state: str, held: set[str], cookies: Mapping[str, str]) -> str:
    """The state after an answer: another one when a cookie came that was not there."""
    fresh = {name for name, value in cookies.items() if value.strip('"')} - held
    held |= fresh
    return _next(state, "cookie") if fresh else state


def _as_sent(recording: Recording, forms: Mapping[str, str]) -> RequestSnapshot:
    step = recording.step
    return RequestSnapshot(
        method=step.method,
        target=template.fill(ready(step.target), forms),
        headers=tuple((name.encode("latin-1", "replace"), value.encode()) for name, value in step.headers),
        body=step.body.encode(forms),
    )


def _identity(request: RequestSnapshot, scrubber: Scrubber, values: Mapping[str, str]) -> str:
    """What makes two requests the same: method, target and body, without what differs at every call and with
    `values` by their names.
    """
    names = {text: name for name, text in values.items()}
    content_type = next((v for n, v in request.headers if n.lower() == b"content-type"), b"").decode(
        "latin-1"
    )
    path, mark, query = written_out(request.target).partition("?")
    path = "/".join("{" + names[piece] + "}" if piece in names else piece for piece in path.split("/"))
    fields = _by_name(_pairs(query), names) if mark else {}
    target = volatile.normalise_text(path) + (mark + _text(fields, scrubber) if mark else "")
    body = _by_name(_body(request.body, content_type.lower()), names)
    return _text([request.method, target, body], scrubber)


def _by_name(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    """A value with what was handed on called by its name: where the key says so too, or by itself alone."""
    if not names:
        return value
    if isinstance(value, dict):
        return {name: _by_name(item, names, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_by_name(item, names, key) for item in value]
    if isinstance(value, str | int) and not isinstance(value, bool):
        name = names.get(str(value), "")
        if name and (same_name(name, key) or len(str(value)) >= _LONG):
            return "{" + name + "}"
    return value


def _cookies_set(answer: Observation) -> dict[str, str]:
    fields = [
        value.decode("latin-1")
        for name, value in answer.headers
        if len(name) == _COOKIE_LENGTH and name.lower() == b"set-cookie"
    ]
    if not fields:
        return {}
    pairs = (field.partition(";")[0].partition("=") for field in fields)
    return {name.strip(): value.strip() for name, _, value in pairs}


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
