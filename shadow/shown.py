"""What the header fields of a request say to a session: its cookies, and the fields that a copy takes along.
It must not know any session.

A client shows the same fields with each request, so what was read of them is kept, up to a bound.
"""

from __future__ import annotations

from typing import NamedTuple

from shadow.cookies import cookie_pairs
from shadow.model import Headers, RequestSnapshot
from shadow.remembered import Remembered

FRAMING = frozenset(
    b"host content-length transfer-encoding connection keep-alive proxy-connection te trailer upgrade"
    b" expect".split()
)
"""Fields that belong to one connection: whoever sends the copy sets its own."""

_MOST = 2048
_LONGEST = 4096


class Shown(NamedTuple):
    """``cookies``: names and values in order, ``names`` of them; ``fields``: what a copy takes along beside
    cookies; ``plain``: the same with the cookies as the client sent them; ``host``: who was asked.
    """

    cookies: tuple[tuple[str, str], ...]
    names: frozenset[str]
    fields: Headers
    plain: Headers
    host: bytes


_known: Remembered[Headers, Shown] = Remembered(_MOST)


def shown(headers: Headers) -> Shown:
    """Read the fields of a request."""
    found = _known.find(headers)
    if found is None:
        found = _read(headers)
        if sum(len(name) + len(value) for name, value in headers) <= _LONGEST:
            _known.keep(headers, found)
    return found


def host_of(request: RequestSnapshot) -> bytes:
    """Who was asked; empty where the request does not say it."""
    return shown(request.headers).host


def with_cookies(fields: Headers, cookies: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Headers:
    """``fields`` and one Cookie line, if there are any cookies."""
    if not cookies:
        return fields
    line = "; ".join([f"{name}={value}" for name, value in cookies])
    return (*fields, (b"cookie", line.encode("latin-1", "replace")))


def _read(headers: Headers) -> Shown:
    cookies: list[tuple[str, str]] = []
    fields: list[tuple[bytes, bytes]] = []
    host: bytes | None = None
    for name, value in headers:
        lower = name.lower()
        if lower == b"cookie":
            cookies += cookie_pairs(value)
        elif lower not in FRAMING:
            fields.append((name, value))
        elif lower == b"host" and host is None:
            host = value
    kept, names = tuple(fields), frozenset(name for name, _ in cookies)
    return Shown(tuple(cookies), names, kept, with_cookies(kept, cookies), host or b"")
