"""Turns the requests of one session that happened into steps: values that an answer gave out are named, and
later requests refer to them; it must not know how the session was observed.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from golden import extraction, template
from golden.body import NO_BODY, Body, strict_json
from golden.extraction import Extraction
from golden.offers import Offer, offers
from golden.scrub import Scrubber
from golden.step import Step
from shadow import SAFE_METHODS, Observation, RequestSnapshot

_PRINTABLE = "%/:?[]@!$&'()*+,;=~{}|\"<>^`\\-._"
# What a client's library or the way here has added; a cookie is carried by whoever plays the step.
_OURS = re.compile(
    r"host|cookie|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|user-agent"
    r"|accept-encoding|accept|via|forwarded|x-forwarded-.*|x-request-id|x-real-ip|traceparent|tracestate"
    r"|sec-.*|dnt|priority|pragma|cache-control|origin|referer|upgrade-insecure-requests|if-modified-since"
    r"|if-none-match|proxy-.*|content-encoding|banyan-.*"
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the answer to it. `differing`: values of the answer that the other side called by
    another name.
    """

    request: RequestSnapshot
    answer: Observation
    differing: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Origin:
    step: int
    offer: Offer
    name: str = ""


def correlate(exchanges: Sequence[Exchange], scrubber: Scrubber) -> tuple[list[Step], list[dict[str, str]]]:
    """The steps, in order, and for each of them the values that were handed on by then, by name."""
    threads = _Threads(scrubber)
    steps = []
    for number, exchange in enumerate(exchanges, 1):
        steps.append(_step(number, exchange.request, threads))
        threads.learn(number, exchange)
    named = threads.named()
    steps = [
        Step(s.number, s.name, s.method, s.target, s.headers, s.body, _extracts(named, s.number))
        for s in steps
    ]
    values = [{o.name: o.offer.text for o in named if o.step <= step.number} for step in steps]
    return steps, values


def _extracts(named: list[_Origin], number: int) -> tuple[Extraction, ...]:
    mine = sorted((o for o in named if o.step == number), key=lambda o: o.name)
    return tuple(extraction.parse(origin.name, origin.offer.source) for origin in mine)


class _Threads:
    """The values met so far, by text; a value gets its name when it is first needed."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._known: dict[str, _Origin] = {}
        self._named: list[_Origin] = []

    def learn(self, number: int, exchange: Exchange) -> None:
        """Take in what an answer offers. Where a value came from first, it is taken from."""
        creates = exchange.request.method not in SAFE_METHODS
        for offer in offers(
            exchange.answer, creates=creates, differing=exchange.differing, scrubber=self._scrubber
        ):
            known = self._known.get(offer.text)
            if known is None or (known.offer.weak and not known.name):
                self._known[offer.text] = _Origin(number, offer)

    def named(self) -> list[_Origin]:
        """Every value that a later request holds."""
        return self._named

    def whole(self, text: str, key: str = "") -> str | None:
        """The reference for a whole value; a weak one only under a name that says what it is (or none)."""
        origin = self._known.get(text)
        if origin is None or (origin.offer.weak and key and not same_name(origin.offer.key, key)):
            return None
        return self._name(origin)

    def within(self, text: str, key: str = "") -> str:
        """A text with every known value in it replaced, and what looks like a reference kept as it is."""
        whole = self.whole(text, key)
        if whole is not None:
            return "{" + whole + "}"
        strong = [o for o in self._known.values() if not o.offer.weak and o.offer.text in text]
        text = template.escape(text)
        for origin in sorted(strong, key=lambda o: -len(o.offer.text)):
            if origin.offer.text in text:
                text = text.replace(origin.offer.text, "{" + self._name(origin) + "}")
        return text

    def _name(self, origin: _Origin) -> str:
        if not origin.name:
            plain = (
                re.sub(r"\W+", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", origin.offer.key)).lower().strip("_")
            )
            plain = plain if template.NAME.fullmatch(plain) else f"value_{plain}".rstrip("_")
            taken = {other.name for other in self._named}
            numbered = (f"{plain}_{number}" for number in range(2, 10_000))
            origin.name = (
                plain if plain not in taken else next(name for name in numbered if name not in taken)
            )
            self._named.append(origin)
        return origin.name


def same_name(one: str, other: str) -> bool:
    """Whether two names of fields may mean one thing: `id` and `order_id`."""
    words = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in (one, other)]
    return words[0].endswith(words[1]) or words[1].endswith(words[0])


def _step(number: int, request: RequestSnapshot, threads: _Threads) -> Step:
    content_type = next((v for n, v in request.headers if n.lower() == b"content-type"), b"").decode(
        "latin-1"
    )
    body = _body(request.body, content_type.lower(), threads)
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        if name == "content-type":
            if request.body:
                headers[name] = value
        elif not _OURS.fullmatch(name):
            # Several lines of one name say what one line does (RFC 9110, 5.3); a flow has one of each name.
            before = f"{headers[name]}, " if name in headers else ""
            headers[name] = before + threads.within(value, name)
    target = _target(request.target, threads)
    return Step(number, "", request.method, target, tuple(sorted(headers.items())), body)


def _target(target: str, threads: _Threads) -> str:
    path, mark, query = quote(target.encode("latin-1"), safe=_PRINTABLE).partition("?")
    segments = [_quoted(segment, threads.whole, unquote) for segment in path.split("/")]
    fields = [field.partition("=") for field in query.split("&")] if mark else []
    values = [n + e + _quoted(v, partial(threads.whole, key=n), unquote_plus) for n, e, v in fields]
    return "/".join(segments) + mark + "&".join(values)


def _quoted(text: str, whole: Callable[[str], str | None], plain: Callable[[str], str]) -> str:
    found = whole(plain(text)) if text else None
    return template.escape(text) if found is None else "{" + found + "}"


def _body(raw: bytes, content_type: str, threads: _Threads) -> Body:
    if not raw:
        return NO_BODY
    if "json" in content_type:
        try:
            return Body("json", _value(strict_json(raw), "", threads))
        except (ValueError, RecursionError):
            pass  # It says JSON and is none: sent again as it was.
    if "x-www-form-urlencoded" in content_type:
        fields: dict[str, Any] = {}
        for name, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
            fields.setdefault(name, []).append(threads.within(value, name))
        return Body("form", {name: v[0] if len(v) == 1 else v for name, v in fields.items()})
    body = Body.of(raw, "")
    return Body("text", threads.within(body.value)) if body.kind == "text" else body


def _value(value: Any, key: str, threads: _Threads) -> Any:
    if isinstance(value, dict):
        return {template.escape(name): _value(item, name, threads) for name, item in value.items()}
    if isinstance(value, list):
        return [_value(item, key, threads) for item in value]
    if isinstance(value, str):
        return threads.within(value, key)
    if isinstance(value, int) and not isinstance(value, bool):
        name = threads.whole(json.dumps(value), key) if key else None
        return value if name is None else "{" + name + ":json}"
    return value
