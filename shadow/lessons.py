"""Finds the pairs of values in two answers to one request that may turn up again in later requests. It must
not keep them.

Looked at: JSON texts at the same path, event streams likewise, hidden inputs and meta tags of HTML by name,
headers by name (a Location also segment by segment), and cookies by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from shadow.bodies import Bodies, read_bodies
from shadow.coding import plain_observation
from shadow.cookies import parse_set_cookie
from shadow.markup import MAX_HTML, hidden_values
from shadow.media import Family, media_of
from shadow.model import Headers, Observation, RequestSnapshot, field_values
from shadow.short_ids import ShortId, may_differ, noun_of, short_ids

Pair: TypeAlias = tuple[str, str]

MAX_NODES = 20_000
MAX_LEARNED_BODY = 1024 * 1024
_SILENT = frozenset(
    {
        b"date",
        b"server",
        b"content-length",
        b"content-type",
        b"set-cookie",
        b"connection",
        b"via",
        b"vary",
        b"location",
    }
)


def lessons(primary: Observation, other: Observation) -> Iterator[Pair]:
    """Yield ``(primary's value, other side's value)`` where they differ."""
    primary, other = plain_observation(primary), plain_observation(other)
    yield from lessons_of(primary, other, _read(primary, other))


def lessons_of(primary: Observation, other: Observation, bodies: Bodies) -> Iterator[Pair]:
    """The same of two answers without a content coding, whose ``bodies`` have been read, the primary's
    first.
    """
    yield from _headers(primary.headers, other.headers)
    yield from _cookies(primary.headers, other.headers)
    longest = max(len(primary.body), len(other.body))
    if (bodies.equal and not bodies.open) or longest > MAX_LEARNED_BODY:
        return
    if bodies.parsed:
        yield from _values(bodies.control, bodies.candidate)
    elif _family(primary, other) is Family.HTML and longest <= MAX_HTML:
        fields = hidden_values(other.body)
        ours = hidden_values(primary.body).items()
        yield from ((value, fields[name]) for name, value in ours if name in fields)


def short_lessons_of(
    request: RequestSnapshot, primary: Observation, other: Observation, bodies: Bodies
) -> Iterator[ShortId]:
    """Yield identifiers that both answers to ``request`` give to one thing: of JSON, and of a Location. The
    answers are without a content coding, and their ``bodies`` have been read, the primary's first.
    """
    for here, there in zip(
        field_values(primary.headers, b"location"), field_values(other.headers, b"location"), strict=False
    ):
        yield from _short_locations(here.decode("latin-1"), there.decode("latin-1"))
    if not bodies.parsed or bodies.equal or max(len(primary.body), len(other.body)) > MAX_LEARNED_BODY:
        return
    if media_of(primary.headers).family is Family.JSON:
        yield from short_ids(request.target, bodies.control, bodies.candidate)


def _read(primary: Observation, other: Observation) -> Bodies:
    """What can be learned from two bodies, as values."""
    longest = max(len(primary.body), len(other.body))
    if longest <= MAX_LEARNED_BODY and _family(primary, other) in (Family.JSON, Family.EVENTS):
        return read_bodies(primary, other)
    return Bodies("bytes")


def _family(primary: Observation, other: Observation) -> Family | None:
    """Of what kind both bodies are; None when they are of two kinds."""
    family = media_of(primary.headers).family
    return family if family is media_of(other.headers).family else None


def _short_locations(primary: str, other: str) -> Iterator[ShortId]:
    try:
        ours, theirs = urlsplit(primary).path.split("/"), urlsplit(other).path.split("/")
    except ValueError:
        return
    if len(ours) == len(theirs):
        for at in range(1, len(ours)):
            if ours[at] != theirs[at] and ours[at - 1] == theirs[at - 1]:
                yield ShortId(noun_of(unquote(ours[at - 1])), unquote(ours[at]), unquote(theirs[at]))


def _headers(primary: Headers, other: Headers) -> Iterator[Pair]:
    theirs = {name.lower(): value.decode("latin-1") for name, value in other}
    for name, value in primary:
        key = name.lower()
        if key not in _SILENT and theirs.get(key, "") != value.decode("latin-1"):
            yield value.decode("latin-1"), theirs.get(key, "")
    for here, there in zip(
        field_values(primary, b"location"), field_values(other, b"location"), strict=False
    ):
        yield from _locations(here.decode("latin-1"), there.decode("latin-1"))


def _locations(primary: str, other: str) -> Iterator[Pair]:
    try:
        here, there = urlsplit(primary), urlsplit(other)
    except ValueError:
        return
    ours, theirs = here.path.split("/"), there.path.split("/")
    if len(ours) == len(theirs):
        yield from ((unquote(one), unquote(two)) for one, two in zip(ours, theirs, strict=True) if one != two)
    fields = dict(parse_qsl(there.query))
    yield from (
        (value, fields[name]) for name, value in parse_qsl(here.query) if fields.get(name, value) != value
    )


def _cookies(primary: Headers, other: Headers) -> Iterator[Pair]:
    theirs = {
        cookie.name: cookie.value
        for field in field_values(other, b"set-cookie")
        if (cookie := parse_set_cookie(field))
    }
    for field in field_values(primary, b"set-cookie"):
        cookie = parse_set_cookie(field)
        if cookie and theirs.get(cookie.name, cookie.value) != cookie.value:
            yield cookie.value, theirs[cookie.name]


def _values(primary: Any, other: Any) -> Iterator[Pair]:
    stack, seen = [(primary, other, 0)], 0
    while stack and seen < MAX_NODES:
        one, two, depth = stack.pop()
        seen += 1
        if isinstance(one, str) and isinstance(two, str):
            if one != two:
                yield one, two
        elif isinstance(one, dict) and isinstance(two, dict):
            stack += [
                (ours, two[key], depth + 1)
                for key, ours in one.items()
                if key in two and may_differ(ours, two[key], depth)
            ]
        elif isinstance(one, list) and isinstance(two, list):
            pairs = zip(one, two, strict=False)
            stack += [(*pair, depth + 1) for pair in pairs if may_differ(*pair, depth)]
