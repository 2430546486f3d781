"""The values every other module here works on: one request, and what one side answered. It must not know how
they were obtained.

Both travel between processes as arrays (``array_like``), so fields may be added at the end, with a default,
and never moved.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Field lines in the order they were received; names as they were written, never a mapping."""

SideName: TypeAlias = Literal["legacy", "new", "golden"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods of requests that change nothing: RFC 9110 section 9.2.1."""


class RequestSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One request, copied when it was received.

    ``target`` is the request target as it stood on the wire (path and query), its bytes decoded as latin-1.
    ``body_cut`` says that the copy of the body is not the whole: it stops at our limit, or the answer
    came first.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    body_cut: bool = False


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """What one side did with one request.

    ``cut``: our copy of the body is bounded and stops early. ``truncated``: the side itself ended before its
    answer was whole. ``elapsed`` is in seconds. ``error`` is empty, or the failure that took the place of an
    answer (``timeout`` or a phase such as ``connect``); ``status`` is 0 then.
    """

    side: SideName
    status: int
    headers: Headers
    body: bytes
    cut: bool = False
    truncated: bool = False
    elapsed: float = 0.0
    error: str = ""


def field_values(headers: Headers, name: bytes) -> tuple[bytes, ...]:
    """Every value of the field ``name`` (given in lower case), in order."""
    return tuple(value for field, value in headers if field.lower() == name)


def field_value(headers: Headers, name: bytes) -> str:
    """The first value of the field ``name`` (given in lower case) as text, or an empty string."""
    for field, value in headers:
        if field.lower() == name:
            return value.decode("latin-1")
    return ""
