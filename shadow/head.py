"""Stage 0: status, content type and the declared headers. It must not know bodies.

``HEADERS`` is the table of what is compared and how each value is read; what is not in it, nor named by the
rules, is never compared: Date, Server, Content-Length, ETag, connection and tracing fields differ between any
two servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from shadow.cookies import SetCookie, parse_set_cookie
from shadow.media import media_of
from shadow.model import Headers, Observation, RequestSnapshot, field_value, field_values
from shadow.rules import ActiveRules
from shadow.verdict import Kind
from shadow.walk import Found


def _as_written(value: str, host: str) -> str:
    return value.strip()


def _as_set(value: str, host: str) -> str:
    return ", ".join(sorted(item.strip().lower() for item in value.split(",") if item.strip()))


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
        "www-authenticate": _as_written,
        "allow": _as_set,
        "retry-after": _as_written,
        "content-disposition": _as_written,
        "content-language": _as_set,
        "content-range": _as_written,
        "access-control-allow-origin": _as_written,
        "access-control-allow-credentials": _as_written,
    }
)

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
    yield from _content_type(control.headers, candidate.headers, rules.profile.charset)
    host = field_value(request.headers, b"host")
    ours, theirs = _lines(control.headers), _lines(candidate.headers)
    for name in (*HEADERS, *rules.headers):
        if name in ours or name in theirs:
            yield from _header(name, ours.get(name), theirs.get(name), host)
    if "set-cookie" in ours or "set-cookie" in theirs:
        yield from _cookies(control.headers, candidate.headers, rules, today)


def _lines(headers: Headers) -> dict[str, str]:
    lines: dict[str, str] = {}
    for field, value in headers:
        name = field.decode("latin-1").lower()
        text = value.decode("latin-1")
        lines[name] = f"{lines[name]}, {text}" if name in lines else text
    return lines


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


def _content_type(ours: Headers, theirs: Headers, any_charset: bool) -> Iterator[Found]:
    control, candidate = media_of(ours), media_of(theirs)
    path = ("header", "content-type")
    if control.essence != candidate.essence:
        kind = (
            Kind.TYPE_CHANGED
            if control.essence and candidate.essence
            else _kind(control.essence or None, candidate.essence or None)
        )
        yield Found(path, kind, control.essence or None, candidate.essence or None)
        return
    left_out = ("charset",) if any_charset else ()
    parameters = [{k: v for k, v in media.parameters if k not in left_out} for media in (control, candidate)]
    if parameters[0] != parameters[1]:
        yield Found(path, Kind.HEADER, *(field_value(headers, b"content-type") for headers in (ours, theirs)))


def _cookies(ours: Headers, theirs: Headers, rules: ActiveRules, today: date) -> Iterator[Found]:
    control, candidate = _by_name(ours), _by_name(theirs)
    midnight = datetime.combine(today, time(), UTC).timestamp()
    for new, rule in rules.cookie_names.items():
        if new in candidate and rule.old in control and rule.old not in candidate:
            candidate[rule.old] = candidate.pop(new)
            yield Found(("header", "set-cookie", rule.old), Kind.RENAMED, rule.old, new)
    for name in control | candidate:
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
