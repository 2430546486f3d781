"""A request head and an answer head as they travel: bytes, in order, repetition kept. Knows no socket."""

from __future__ import annotations

from dataclasses import dataclass

Field = tuple[bytes, bytes]
Fields = list[Field]

SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""RFC 9110 section 9.2.1, without TRACE, which is refused."""

IDEMPOTENT_METHODS = SAFE_METHODS | {b"PUT", b"DELETE"}
"""RFC 9110 section 9.2.2."""

ALLOWED = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
"""What ``Allow`` says where the gateway itself is asked; other methods pass too, if the parser knows them."""


@dataclass(slots=True, frozen=True)
class RequestHead:
    """What stood before the body. ``target`` are the very bytes that came in; they go out unchanged."""

    method: bytes
    target: bytes
    minor_version: int
    fields: Fields


@dataclass(slots=True, frozen=True)
class ResponseHead:
    """Status line and fields of an upstream's answer."""

    status: int
    reason: bytes
    minor_version: int
    fields: Fields
