"""A decision as it is kept for who asks later: what of it, and what stands for its key. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

__all__ = ["TOLD_OF_ONE_ID", "Decided", "KeptDecision", "KeyHash"]

TOLD_OF_ONE_ID: Final = 100
"""So many decisions about requests of the same id are told, at most: the youngest ones."""


class Decided(NamedTuple):
    """One request as the path knows it. `key` is the sticky key itself, `at` in seconds since 1970."""

    at: float
    request: str
    method: str
    feature: str
    route: str
    side: str
    cause: str
    key: str
    source: str
    position: int
    percent: int
    revision: int
    status: int
    fell_back: bool


class KeptDecision(msgspec.Struct, frozen=True):
    """The same as it is kept: of the key only its keyed hash. `position` and `percent` in hundredths, -1
    where there is none; `source`: where the key was found.
    """

    at: float
    request: str
    method: str
    feature: str
    route: str
    side: str
    cause: str
    key_hash: str
    source: str
    position: int
    percent: int
    revision: int
    worker: str
    status: int
    fell_back: bool


class KeyHash:
    """What stands for a sticky key where the key itself must not: keyed BLAKE2b (RFC 7693), 64 bits of it."""

    def __init__(self, secret: bytes | None) -> None:
        self._key = blake2b(secret, person=b"banyan explains", digest_size=32).digest() if secret else None

    def __call__(self, key: str) -> str:
        """ "" where there is no key, or nothing to hash with."""
        if not key or self._key is None:
            return ""
        return blake2b(key.encode("utf-8", "surrogateescape"), key=self._key, digest_size=8).hexdigest()
