"""What a request or an answer is stored as: without secrets, volatile values named, known ones by reference.

It must not know files. The order matters: known values first (they are exact), then volatile formats, then
the hiding of secrets by name and form. What is recorded and what is verified later go through the same
functions, so equal stays equal.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from golden import volatile
from golden.body import Body
from golden.cookies import stored_cookie
from golden.hiding import ForExcerpts, Hider, replaced
from golden.known import Known, refer, refer_path, refer_text
from golden.recording import Answer, Fields
from golden.step import Step
from shadow import Headers, Observation, Rules

KEY_VARIABLE = "BANYAN_GOLDEN_KEY"
# Published on purpose: tokens must agree between machines. It hides a secret from a reader, not from somebody
# who can guess it; set the variable, on every machine alike, where guessable secrets pass.
DEFAULT_KEY = b"banyan golden recordings"

# What the comparison declares; everything else differs between any two servers and would only be noise in a
# review.
KEPT_HEADERS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-origin",
        "allow",
        "cache-control",
        "content-disposition",
        "content-language",
        "content-range",
        "content-type",
        "location",
        "retry-after",
        "set-cookie",
        "www-authenticate",
    }
)
# Lists whose order means nothing, and is not always the same after a restart.
_SETS = frozenset({"allow", "cache-control", "content-language"})
# What a challenge makes up for each request (RFC 7616, 3.3).
_CHALLENGE = re.compile(r'\b(nonce|opaque)="[^"]*"', re.I)


def key_from(env: Mapping[str, str] | None = None) -> bytes:
    """The key of the tokens: that of the environment, else the published one."""
    return (os.environ if env is None else env).get(KEY_VARIABLE, "").encode() or DEFAULT_KEY


class Scrubber:
    """Scrubs with one key; `name` identifies the key without telling it.

    `names` are further names of fields to redact, `headers` further headers to keep.
    """

    for_excerpts = ForExcerpts(b"")

    def __init__(
        self, key: bytes | None = None, names: tuple[str, ...] = (), headers: tuple[str, ...] = ()
    ) -> None:
        self._hider = Hider(key_from() if key is None else key, names)
        self._kept = KEPT_HEADERS | {name.lower() for name in headers}
        self.name = self._hider.key_name
        self.value = self._hider.value

    def answer(self, answer: Observation, known: tuple[Known, ...] = (), origin: str = "") -> Answer:
        """An answer as it is stored. `origin` is the side's own address, which may stand in a Location."""
        if origin:
            known = (Known(origin, "⟨origin⟩", everywhere=True), *known)
        content_type = _content_type(answer.headers)
        body = Body.of(answer.body, content_type)
        if body.kind in ("json", "text") and _may_hold_a_bracket(answer.body):
            body = Body(body.kind, volatile.literal(body.value))
        if body.kind == "json":
            body = Body("json", self.value(volatile.normalise(refer(body.value, known))))
        elif body.kind == "text":
            text = volatile.normalise_text(refer_text(body.value, known))
            body = Body("text", self._hider.text(text, content_type))
        return Answer(answer.status, self._headers(answer.headers, known), body)

    def step(self, step: Step) -> tuple[Step, tuple[tuple[str, str], ...]]:
        """A request as it is stored, and what had to be taken out of it: each secret with its token."""
        taken: list[tuple[str, str]] = []
        headers = []
        for name, value in step.headers:
            token = self._hider.header(name, value)
            if token != value:
                taken += [*replaced(value, token), (value.rpartition(" ")[2], token)]
            headers.append((name, token))
        body = step.body
        if body.kind in ("json", "form"):
            body = replace(body, value=self.value(body.value))
        elif body.kind == "text":
            content_type = next((v for n, v in step.headers if n.lower() == "content-type"), "text/plain")
            body = replace(body, value=self._hider.text(body.value, content_type))
        target = self._hider.target(step.target)
        for secret, token in replaced(step.target, target):
            taken += [(unquote_plus(secret), token), (secret, token)]  # an answer may say it either way
        _note_differences(step.body.value, body.value, taken)
        return replace(step, headers=tuple(headers), body=body, target=target), tuple(taken)

    def hides(self, name: str, value: str) -> bool:
        """Whether a value is a secret under this name."""
        return self._hider.named(name, value) != value

    def unscrubbed(self, answer: Answer) -> list[str]:
        """Where a stored answer holds what scrubbing takes out: "header set-cookie", "body"."""
        places = [f"header {name}" for name, value in answer.headers if self._stored(name, value) != value]
        return [*places, "body"] if self.again(answer.body, answer.headers) != answer.body else places

    def again(self, body: Body, headers: Fields) -> Body:
        """A stored body scrubbed once more: the same, unless a secret was left in it."""
        if body.kind == "json":
            return Body("json", self.value(body.value))
        if body.kind == "text":
            content_type = next((value for name, value in headers if name == "content-type"), "text/plain")
            return Body("text", self._hider.text(body.value, content_type))
        return body

    def _stored(self, name: str, value: str) -> str:
        return (
            stored_cookie(value, self._hider.text)
            if name == "set-cookie"
            else self._hider.header(name, value)
        )

    def _headers(self, headers: Headers, known: tuple[Known, ...]) -> Fields:
        kept = []
        for raw_name, raw_value in headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
            if name == "set-cookie":
                kept.append((name, refer_text(stored_cookie(value, self._hider.text), known)))
            elif name in self._kept:
                if name in _SETS:
                    value = ", ".join(sorted(item.strip() for item in value.split(",")))
                found = volatile.literal(value)
                if name == "www-authenticate":
                    found = _CHALLENGE.sub(r'\1="⟨string⟩"', found)
                found = volatile.normalise_text(refer_path(found, known))
                # A side may write its own address in a Location or leave it out: no difference to a client.
                found = found.removeprefix("⟨origin⟩") or "/"
                kept.append((name, self._hider.header(name, found)))
        return tuple(sorted(kept))


def scrubber_for(rules: Rules, key: bytes | None = None) -> Scrubber:
    """The scrubber of a rule file and a key (default: the environment's); made once, it is dear to make."""
    return _scrubber(key_from() if key is None else key, rules.redact_names, rules.headers)


@lru_cache(maxsize=16)
def _scrubber(key: bytes, names: tuple[str, ...], headers: tuple[str, ...]) -> Scrubber:
    return Scrubber(key, names, headers)


def _content_type(headers: Headers) -> str:
    return next((v for n, v in headers if n.lower() == b"content-type"), b"text/plain").decode("latin-1")


def _may_hold_a_bracket(raw: bytes) -> bool:
    # As it is, or escaped in JSON; nearly no answer does, and then nothing need be looked through.
    return b"\xe2\x9f\xa8" in raw or b"27e8" in raw or b"27E8" in raw


def _note_differences(before: Any, after: Any, taken: list[tuple[str, str]]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for item, other in zip(before.values(), after.values(), strict=False):
            _note_differences(item, other, taken)
    elif isinstance(before, list) and isinstance(after, list):
        for item, other in zip(before, after, strict=False):
            _note_differences(item, other, taken)
    elif before != after and isinstance(after, str):
        taken += replaced(str(before), after)
