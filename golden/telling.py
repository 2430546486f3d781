"""Tells a session that happened as a flow and its recordings: the steps that say something, threaded, named
and scrubbed; it must not know how the session was observed, and writes nothing.

1. leave out what proves nothing (pictures, repeats, 304)  2. thread values from answers into later requests
3. give what is secret and came from outside a name in the environment  4. name the steps  5. scrub.
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from golden import template, volatile
from golden.correlate import Exchange, correlate
from golden.flow import Flow
from golden.hiding import TOKEN
from golden.known import known_values
from golden.provenance import Provenance
from golden.recorder import keys_of, recording_of
from golden.recording import Recording
from golden.scrub import Scrubber
from golden.step import Step
from shadow import SAFE_METHODS, Observation, plain_observation, plain_request

MAX_STEPS = 100
MAX_ANSWER = 256 * 1024  # bytes: more is nothing that anybody reviews
_DECORATION = re.compile(r"image/|font/|video/|text/css|(?:text|application)/(?:x-)?javascript")


@dataclass(frozen=True, slots=True)
class Journal:
    """A flow with one recording per step; `ended` says why it stops before the session did, or is empty."""

    flow: Flow
    recordings: tuple[Recording, ...]
    ended: str = ""


def tell(
    exchanges: Sequence[Exchange], prefix: str, scrubber: Scrubber, provenance: Provenance | None = None
) -> Journal | None:
    """The journal of a session, called after `prefix` and what it does; None when nothing is left to tell."""
    kept, ended = _kept(exchanges)
    if not kept:
        return None
    steps, values = correlate(kept, scrubber)
    stored, secrets, taken = without_secrets(steps, scrubber)
    stored = with_names(stored)
    name = f"{prefix}-{_digest(stored)}"
    flow = Flow(name, f"{name}.toml", tuple(stored), secrets)
    recordings = []
    cookies: dict[str, str] = {}
    for step, exchange, handed in zip(stored, kept, values, strict=True):
        cookies |= _cookies(exchange)
        held = {**taken, **handed}
        known = known_values(held, secrets=secrets, keys=keys_of(stored), cookies=cookies.values())
        answer = scrubber.answer(exchange.answer, known, _origin(exchange))
        made = recording_of(flow, step, answer, held, scrubber.name)
        origin = provenance.of(exchange.request, exchange.answer) if provenance else {}
        recordings.append(replace(made, recorded=origin))
    return Journal(flow, tuple(recordings), ended)


def _kept(exchanges: Sequence[Exchange]) -> tuple[list[Exchange], str]:
    kept: list[Exchange] = []
    seen: set[tuple[str, str, bytes]] = set()
    for exchange in exchanges:
        request, answer = plain_request(exchange.request), plain_observation(exchange.answer)
        if len(kept) >= MAX_STEPS:
            return kept, f"a journey has at most {MAX_STEPS} steps"
        if why := _incomplete(request.body_cut, request.body, answer):
            return kept, why
        same = (request.method, request.target, request.body)
        if request.method in SAFE_METHODS:
            unfit = answer.status == 304 or len(answer.body) > MAX_ANSWER or _is_decoration(answer)
            if same in seen or unfit:
                continue
            seen.add(same)
        else:
            seen.clear()  # after a change the same question is another one
        kept.append(replace(exchange, request=request, answer=answer))
    return kept, ""


def _incomplete(cut: bool, body: bytes, answer: Observation) -> str:
    if cut or answer.cut or answer.truncated or answer.error:
        return "a request or an answer was not there in full"
    try:
        body.decode()
    except UnicodeDecodeError:
        return "a request held what is no text, in which no secret can be found"
    return ""


def _is_decoration(answer: Observation) -> bool:
    content_type = next((v for n, v in answer.headers if n.lower() == b"content-type"), b"")
    return _DECORATION.match(content_type.decode("latin-1").lower()) is not None


def without_secrets(
    steps: list[Step],
    scrubber: Scrubber,
    others: Collection[str] = (),
    variables: dict[str, str] | None = None,
) -> tuple[list[Step], dict[str, str], dict[str, str]]:
    """Steps with a name for each secret that came from outside, the variables, and the secrets by name.

    `others` are names that mean something else already; `variables` are those given away already, by token,
    to which those of these steps are added.
    """
    given = {} if variables is None else variables
    names: dict[str, str] = {}
    secrets: dict[str, str] = {}
    found: list[Step] = []
    for step in steps:
        clean, taken = scrubber.step(step)
        for text, token in taken:
            label = TOKEN.fullmatch(token)
            if label and token not in names:
                plain = re.sub(r"\W+", "_", label[1])
                name = _unused(plain, (*names.values(), *others))
                names[token], secrets[name] = name, text
                if token not in given:
                    given[token] = _unused(f"GOLDEN_{name.upper()}", given.values())
        found.append(_put(clean, names))
    return found, {name: given[token] for token, name in names.items()}, secrets


def _unused(name: str, used: Collection[str]) -> str:
    numbered = (f"{name}_{number}" for number in range(2, len(used) + 3))
    return next(one for one in (name, *numbered) if one not in used)


def _put(step: Step, names: dict[str, str]) -> Step:
    def put(text: str) -> str:
        for token, name in names.items():
            text = text.replace(token, "{" + name + "}")
        return text

    body = replace(step.body, value=template.walk(step.body.value, put))
    headers = tuple((name, put(value)) for name, value in step.headers)
    return replace(step, target=put(step.target), headers=headers, body=body)


def with_names(steps: list[Step]) -> list[Step]:
    """Names from method and path: `get-orders`, and the second one `get-orders-2`."""
    used: dict[str, int] = {}
    found = []
    for step in steps:
        path = re.sub(r"\{\w+\}", "", step.target.partition("?")[0])
        words = [word for word in re.split(r"[^A-Za-z0-9]+", path) if word][-3:]
        verb = re.sub(r"[^a-z0-9]+", "-", step.method.lower()).strip("-") or "call"
        name = "-".join([verb, *words])[:60]
        used[name] = used.get(name, 0) + 1
        found.append(replace(step, name=name if used[name] == 1 else f"{name}-{used[name]}"))
    return found


def _digest(steps: list[Step]) -> str:
    """The same for two sessions that did the same."""
    said: list[Any] = [[s.method, s.target, volatile.normalise(s.body.value)] for s in steps]
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _cookies(exchange: Exchange) -> dict[str, str]:
    """What the client holds after this exchange: what it sent, and what it was given."""
    pairs = [
        (n.lower(), v.decode("latin-1")) for n, v in (*exchange.request.headers, *exchange.answer.headers)
    ]
    sent = [part for name, value in pairs if name == b"cookie" for part in value.split(";")]
    given = [value.partition(";")[0] for name, value in pairs if name == b"set-cookie"]
    return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in sent + given)}


def _origin(exchange: Exchange) -> str:
    host = next((v for n, v in exchange.request.headers if n.lower() == b"host"), b"").decode("latin-1")
    return f"http://{host}" if host else ""
