"""What is known of one user's sessions on the other side, as bytes: so that it outlives a process. It must
not know where it is kept.

Holds the other side's cookies and tokens, as they are.
"""

from __future__ import annotations

from math import inf

import msgspec

Pairs = list[tuple[str, str]]


class JarState(msgspec.Struct, frozen=True, array_like=True):
    """(path, name, value, when it expires in seconds since 1970 or None)."""

    cookies: list[tuple[str, str, str, float | None]] = []


class MirrorState(msgspec.Struct, frozen=True, array_like=True):
    """One session. ``ids`` and ``texts``: what the primary's values are called over there; ``short``: the
    same of short identifiers, by noun; ``given``: cookies that the primary set; ``missed``: checksums of
    values that only the primary gave, by target. All in order of their age.
    """

    born: float
    known_from_start: bool
    lost: str
    primary: str
    write_ended: float
    jar: JarState
    ids: Pairs
    texts: Pairs
    short: list[tuple[str, str, str]]
    given: Pairs
    missed: list[tuple[str, list[int]]] = []


class UserState(msgspec.Struct, frozen=True, array_like=True):
    """The sessions of one sticky key, the last used first. ``era``: what no loss of data lies between;
    ``lost``: until when a session of them may lack a request, and why.
    """

    era: str
    used: float
    mirrors: list[MirrorState]
    lost: tuple[float, str] = (-inf, "")


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UserState)


def write_state(state: UserState) -> bytes:
    """The bytes of a state."""
    return _encoder.encode(state)


def read_state(data: bytes) -> UserState | None:
    """A state from its bytes; None when they are none."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
