"""Heads as they go out: what came in, less what ended here, plus what is ours. Pure functions of bytes."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache

from gateway.core.headers import RequestFacts
from gateway.core.message import Field, Fields, RequestHead, ResponseHead
from gateway.wire.framing import status_line


def field_lines(fields: Iterable[Field]) -> bytes:
    """Fields as lines, in order."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields])


def request_fields(facts: RequestFacts, ours: bytes) -> bytes:
    """The fields of a request to an upstream: one Host, the fields that pass, and ``ours``."""
    return b"".join([b"Host: %b\r\n" % facts.host, *[b"%b: %b\r\n" % pair for pair in facts.kept], ours])


def request_head(head: RequestHead, facts: RequestFacts, fields: bytes) -> bytes:
    """The head of a request to an upstream: the target's very bytes, ``fields``, and framing made afresh,
    never two kinds of it (RFC 9112 section 6)."""
    limit = b""
    if facts.max_forwards is not None:
        step = 1 if head.method == b"OPTIONS" else 0  # RFC 9110 section 7.6.2: only there it counts
        limit = b"Max-Forwards: %d\r\n" % (facts.max_forwards - step)
    if facts.chunked:
        framing = b"Transfer-Encoding: chunked\r\n\r\n"
    elif facts.upgrade:  # without a body, whether or not it says so
        framing = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % facts.upgrade
    elif facts.length is not None:
        framing = b"Content-Length: %d\r\n\r\n" % facts.length
    else:
        framing = b"\r\n"
    return head.line + fields + limit + framing


def answer_lines(head: ResponseHead, fields: Fields, ours: bytes) -> bytes:
    """Status line and fields of an answer to a client, without its end."""
    lines = [status_line(head.status, head.reason), *[b"%b: %b\r\n" % pair for pair in fields], ours]
    return b"".join(lines)


_ENDS = {
    (False, False): b"\r\n",
    (False, True): b"Connection: close\r\n\r\n",
    (True, False): b"Transfer-Encoding: chunked\r\n\r\n",
    (True, True): b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
}


def answer_head(lines: bytes, ours: bytes, *, chunked: bool, close: bool) -> bytes:
    """The head of an answer to a client: its lines, ours, how it is framed, its end."""
    return lines + ours + _ENDS[chunked, close]


def date_line(now: float) -> bytes:
    """``Date``, for an answer that came without one (RFC 9110 section 6.6.1). ``now``: seconds of the day's
    clock."""
    return _date_line(int(now))


@lru_cache(maxsize=4)
def _date_line(second: int) -> bytes:
    return b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()


def public_field(pair: Field, origins: tuple[bytes, ...], public: bytes) -> Field:
    """A Location or Content-Location that names an application's own address is given the public one.

    ``origins``: ``//host:port`` in lower case; ``public``: the same with its scheme, as the client knows it.
    """
    name, value = pair
    if name.lower() not in (b"location", b"content-location"):
        return pair
    scheme, slashes, rest = value.partition(b"//")
    if not slashes or scheme.lower() not in (b"http:", b"https:", b""):
        return pair
    for origin in origins:
        size = len(origin) - 2
        if rest[:size].lower() == origin[2:] and rest[size : size + 1] in (b"", b"/", b"?", b"#"):
            return name, public + rest[size:]
    return pair
