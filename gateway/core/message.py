"""A request head and an answer head as they travel: bytes, in order, repetition kept. Knows no socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from gateway.core.target import Target

Field = tuple[bytes, bytes]
Fields = list[Field]

SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""RFC 9110 section 9.2.1, as they stand on the wire, without TRACE, which is refused."""

IDEMPOTENT_METHODS = SAFE_METHODS | {b"PUT", b"DELETE"}
"""RFC 9110 section 9.2.2."""

ALLOWED = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
"""What ``Allow`` says where the gateway itself is asked; other methods pass too."""

USUAL_METHODS = frozenset(ALLOWED.split(b", "))
_METHOD = re.compile(rb"[!$%&'*+.^_`|~0-9A-Z-]{3,20}\Z")


def is_method(token: bytes) -> bool:
    """Whether a token (RFC 9110 section 9.1) is taken for a method: 3 to 20 characters, none of them a small
    letter, since there are applications that read one as its capital, and no ``#``."""
    return token in USUAL_METHODS or _METHOD.match(token) is not None


class RequestHead(NamedTuple):
    """The line above the fields, read. ``line`` is the one that goes upstream, with the very bytes of the
    path that came in."""

    method: bytes
    target: Target
    minor_version: int
    line: bytes


def request_line(method: bytes, target: Target, minor_version: int = 1) -> RequestHead:
    """A request line as it came in, and as it goes out: always as HTTP/1.1."""
    return RequestHead(method, target, minor_version, b"%b %b HTTP/1.1\r\n" % (method, target.forward))


@dataclass(slots=True, frozen=True)
class ResponseHead:
    """Status line and fields of an upstream's answer."""

    status: int
    reason: bytes
    minor_version: int
    fields: tuple[Field, ...]
