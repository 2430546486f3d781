"""Heads as they go out: what came in, less what ended here, plus what is ours. Pure functions of bytes."""

from __future__ import annotations

from email.utils import formatdate

from gateway.core.headers import RequestFacts
from gateway.core.message import Field, Fields, RequestHead, ResponseHead
from gateway.core.target import Target
from gateway.wire.framing import status_line


def field_lines(fields: Fields) -> bytes:
    """Fields as lines, in order."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields])


def request_head(head: RequestHead, facts: RequestFacts, target: Target, ours: bytes) -> bytes:
    """The head of a request to an upstream: the target's very bytes, one Host, the fields that pass,
    ``ours``, and framing made afresh, never two kinds of it (RFC 9112 section 6)."""
    lines = [b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (head.method, target.forward, facts.host)]
    lines += [b"%b: %b\r\n" % pair for pair in facts.kept]
    lines.append(ours)
    if facts.max_forwards is not None:
        step = 1 if head.method == b"OPTIONS" else 0  # RFC 9110 section 7.6.2: only there it counts
        lines.append(b"Max-Forwards: %d\r\n" % (facts.max_forwards - step))
    if facts.chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n\r\n")
    elif facts.length is not None:
        lines.append(b"Content-Length: %d\r\n\r\n" % facts.length)
    elif facts.upgrade:
        lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % facts.upgrade)
    else:
        lines.append(b"\r\n")
    return b"".join(lines)


def answer_head(head: ResponseHead, fields: Fields, ours: bytes, *, chunked: bool, close: bool) -> bytes:
    """The head of an answer to a client."""
    lines = [status_line(head.status, head.reason)]
    lines += [b"%b: %b\r\n" % pair for pair in fields]
    lines.append(ours)
    if chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    lines.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
    return b"".join(lines)


def date_line() -> bytes:
    """``Date`` of now, for an answer that came without one (RFC 9110 section 6.6.1)."""
    return b"Date: %b\r\n" % formatdate(usegmt=True).encode()


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
