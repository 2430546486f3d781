"""Header fields as lines, and back. Pure.

A client shows the same fields with each request, and an application with each answer of a second: the same
tuple of fields gives the same lines, and the same lines give the same tuple, up to a bound. Whoever looks at
a tuple of fields can so know it as one that was looked at before.
"""

from __future__ import annotations

from gateway.core.memory import Memory
from shadow import Headers, Remembered

_MOST = 1024
_LONGEST = 4096
"""Bytes of lines that are worth to be kept."""

_lines: Remembered[Headers, bytes] = Remembered(_MOST)
_headers: Memory[bytes, Headers] = Memory(_MOST)


def lines_of(headers: Headers) -> bytes:
    """``Name: value`` and a line end for each. No name holds a colon, and no value a line end."""
    known = _lines.find(headers)
    if known is None:
        known = b"".join([b"%b: %b\r\n" % pair for pair in headers])
        if len(known) <= _LONGEST:
            _lines.keep(headers, known)
    return known


def headers_of(lines: bytes) -> Headers:
    """The same fields again."""
    known = _headers.recent(lines) or _headers.get(lines)
    if known is None:
        rows = [line.partition(b": ") for line in lines.split(b"\r\n")[:-1]]
        known = tuple([(name, value) for name, _, value in rows])
        if len(lines) <= _LONGEST:
            _headers.put(lines, known)
    return known
