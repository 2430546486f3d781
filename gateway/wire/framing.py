"""Heads and chunks as bytes (RFC 9112 sections 4 and 7.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
"""A token as a pattern (RFC 9110 section 5.6.2)."""
LAST_CHUNK = b"0\r\n\r\n"

BODILESS = frozenset({204, 304})
"""Statuses of answers that end with their head, whatever it says (RFC 9112 section 6.3)."""


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body. ``data`` must not be empty: an empty chunk is the end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=1024)
def status_line(status: int, reason: bytes = b"") -> bytes:
    """``HTTP/1.1 200 OK`` with its line end; the standard phrase when the upstream gave none."""
    return b"HTTP/1.1 %d %b\r\n" % (status, reason or _phrase(status))


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def goes_on(held: bytes, piece: bytes) -> bool:
    """Whether ``piece`` is more of a line of which ``held`` was found to be the beginning, and not its end:
    so who sends a line byte by byte does not have all of it looked at for each."""
    return not held.endswith(b"\r") and _CONTROL.search(piece) is None
