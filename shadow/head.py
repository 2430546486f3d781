"""Stage 0: status, content type and the declared headers. It must not know bodies.

``HEADERS`` is the table of what is compared and how each value is read; what is not in it, nor named by the
rules, is never compared: Date, Server, Content-Length, ETag, connection and tracing fields differ between any
two servers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from shadow.cookies import SetCookie, parse_set_cookie
from shadow.formats import formats_of
from shadow.media import Media, media_of
from shadow.model import Headers, Observation, RequestSnapshot, field_value, field_values
from shadow.rules import ActiveRules
from shadow.scratch import COOKIE as SCRATCH_COOKIE
from shadow.verdict import Kind
from shadow.walk import Found

_MADE_UP = re.compile(r"""\b((?:nonce|opaque)\s*=)\s*(?:"(?:[^"\\]|\\.)*+"|[^\s,]*+)""", re.IGNORECASE)


def _as_written(value: str, host: str) -> str:
    return value.strip()


def _as_set(value: str, host: str) -> str:
    return ", ".join(sorted(item.strip().lower() for item in value.split(",") if item.strip()))


def _as_challenge(value: str, host: str) -> str:
    """Without what a server makes up for each of them (RFC 7616, 3.3)."""
    return _MADE_UP.sub(r"\1", value.strip())


def _as_delay(value: str, host: str) -> str:
    """A moment to come (RFC 9110, 10.2.3) is counted from each side's own now: only that it is one."""
    return "a date" if "http-date" in formats_of(value.strip()) else value.strip()


def _as_target(value: str, host: str) -> str:
    """A location on the host that was asked, without the host: one side writes it, the other does not."""
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return value
    if parts.netloc and parts.netloc.lower() == host.lower():
        return urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
    return value.strip()


HEADERS: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {
        "location": _as_target,
        "cache-control": _as_set,
        "www-authenticate": _as_challenge,
        "allow": _as_set,
        "retry-after": _as_delay,
        "content-disposition": _as_written,
        "content-language": _as_set,
        "content-range": _as_written,
        "access-control-allow-origin": _as_written,
        "access-control-allow-credentials": _as_written,
    }
)

_COMPARED = frozenset(name.encode() for name in (*HEADERS, "set-cookie"))
_COOKIE_TEXT = ("domain", "path", "samesite")
_COOKIE_FLAGS = ("httponly", "secure")


def head_differences(
    request: RequestSnapshot, control: Observation, candidate: Observation, rules: ActiveRules, today: date
) -> Iterator[Found]:
    """Yield what differs before the bodies. A cookie is compared by name and attributes, never by value."""
    if control.status != candidate.status:
        yield Found(("status",), Kind.STATUS, control.status, candidate.status)
    if control.headers == candidate.headers:
        return
    ours, theirs = media_of(control.headers), media_of(candidate.headers)
    if ours is not theirs:
        yield from _content_type(ours, theirs, rules.profile.charset)
    yield from _declared(request, control.headers, candidate.headers, rules, today)


def _declared(
    request: RequestSnapshot, control: Headers, candidate: Headers, rules: ActiveRules, today: date
) -> Iterator[Found]:
    ours, theirs = _lines(control, rules.headers), _lines(candidate, rules.headers)
    if not (ours or theirs):
        return
    host = field_value(request.headers, b"host")
    for name in (*HEADERS, *rules.headers):
        if name in ours or name in theirs:
            yield from _header(name, ours.get(name), theirs.get(name), host)
    if "set-cookie" in ours or "set-cookie" in theirs:
        yield from _cookies(control, candidate, rules, today)


def _lines(headers: Headers, also: tuple[str, ...]) -> dict[str, str]:
    """The fields that are compared, by name; several lines of one field become one value (RFC 9110, 5.3)."""
    lines: dict[str, str] = {}
    for field, value in headers:
        lower = field.lower()
        if lower in _COMPARED or (also and lower.decode("latin-1") in also):
            name, text = lower.decode("latin-1"), _text(value)
            lines[name] = f"{lines[name]}, {text}" if name in lines else text
    return lines


def _text(value: bytes) -> str:
    """Fields are ASCII, but for what some applications write as UTF-8; anything else as latin-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _header(name: str, ours: str | None, theirs: str | None, host: str) -> Iterator[Found]:
    read = HEADERS.get(name, _as_written)
    control = None if ours is None else read(ours, host)
    candidate = None if theirs is None else read(theirs, host)
    if control != candidate:
        yield Found(("header", name), _kind(control, candidate), control, candidate)


def _kind(control: Any, candidate: Any) -> Kind:
    if control is None:
        return Kind.ADDED
    return Kind.REMOVED if candidate is None else Kind.HEADER


def _content_type(ours: Media, theirs: Media, any_charset: bool) -> Iterator[Found]:
    path = ("header", "content-type")
    control, candidate = ours.essence or None, theirs.essence or None
    if control != candidate:
        kind = Kind.TYPE_CHANGED if control and candidate else _kind(control, candidate)
        yield Found(path, kind, control, candidate)
        return
    written, other = _parameters(ours, any_charset), _parameters(theirs, any_charset)
    if written != other:
        yield Found(path, Kind.HEADER, f"{control}{written}", f"{candidate}{other}")


def _parameters(media: Media, any_charset: bool) -> str:
    """All but the boundary, which belongs to one answer."""
    kept = (
        pair
        for pair in media.parameters
        if pair[0] != "boundary" and not (any_charset and pair[0] == "charset")
    )
    return "".join(f"; {name}={value}" for name, value in kept)


def _cookies(ours: Headers, theirs: Headers, rules: ActiveRules, today: date) -> Iterator[Found]:
    control, candidate = _by_name(ours), _by_name(theirs)
    midnight = datetime.combine(today, time(), UTC).timestamp()
    for rule in rules.renamed_cookies:  # a cookie may have several names: another one in the shadow, say
        if rule.new in candidate and rule.old in control and rule.old not in candidate:
            candidate[rule.old] = candidate.pop(rule.new)
            yield Found(("header", "set-cookie", rule.old), Kind.RENAMED, rule.old, rule.new)
    for name in dict.fromkeys((*control, *candidate)):
        if name == SCRATCH_COOKIE:
            continue
        path = ("header", "set-cookie", name)
        if name not in candidate:
            yield Found(path, Kind.REMOVED, name, None)
        elif name not in control:
            yield Found(path, Kind.ADDED, None, name)
        else:
            yield from _attributes(
                path, _features(control[name], midnight), _features(candidate[name], midnight)
            )


def _attributes(path: tuple[str, ...], ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[Found]:
    for attribute, value in ours.items():
        if value != theirs[attribute]:
            yield Found((*path, attribute), Kind.HEADER, value, theirs[attribute])


def _by_name(headers: Headers) -> dict[str, SetCookie]:
    cookies = (parse_set_cookie(field) for field in field_values(headers, b"set-cookie"))
    return {cookie.name: cookie for cookie in cookies if cookie}


def _features(cookie: SetCookie, now: float) -> dict[str, Any]:
    """What a browser does with it. Lifetimes are not compared in seconds: both sides count from their own
    clock.
    """
    lifetime = cookie.lifetime(now)
    features: dict[str, Any] = {name: cookie.attributes.get(name, "").lower() for name in _COOKIE_TEXT}
    features |= {name: name in cookie.attributes for name in _COOKIE_FLAGS}
    return features | {"persistent": lifetime is not None, "deletes": lifetime is not None and lifetime <= 0}
