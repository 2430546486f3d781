"""The word of a trusted tester: which side to ask, until when, on whose behalf; believed by its seal alone.
Pure: key and time enter as arguments.

    Banyan-Force: new;until=1795177200;by=ann;seal=…64 hex digits…
    Banyan-Force: legacy;feature=orders;until=1795177200;by=ann;seal=…

The seal is HMAC-SHA-256 (RFC 2104) of what stands before `;seal=`. `until` is in seconds since 1970.
"""

from __future__ import annotations

import hmac
import re
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, unquote

from gateway.core.decision import Side
from gateway.core.memory import Memory

__all__ = ["Force", "Forcing", "Ignored", "sealed"]

_FORM = re.compile(
    rb"(?P<said>(?P<side>new|legacy)(?:;feature=(?P<feature>[a-z0-9_-]{1,64}))?"
    rb";until=(?P<until>[0-9]{1,12});by=(?P<by>[A-Za-z0-9%._~-]{0,700}));seal=(?P<seal>[0-9a-f]{64})"
)
_REMEMBERED = 256


class Ignored(StrEnum):
    """Why a value was not believed."""

    UNSIGNED = "unsigned"
    EXPIRED = "expired"


class Force(NamedTuple):
    """`feature` "" is every feature; `until`: seconds since 1970."""

    side: Side
    until: int
    by: str
    feature: str = ""


def sealed(force: Force, key: bytes) -> str:
    """The value of the field."""
    feature = f";feature={force.feature}" if force.feature else ""
    said = f"{force.side}{feature};until={force.until};by={quote(force.by, safe='')}"
    return f"{said};seal={_seal(said.encode(), key)}"


class Forcing:
    """Reads values, each once. Without a key nothing is believed."""

    __slots__ = ("_key", "_known")

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._known: Memory[bytes, Force | Ignored] = Memory(_REMEMBERED)

    def read(self, value: bytes, now: float) -> Force | Ignored:
        """What a value says at `now` (seconds since 1970), or why it says nothing."""
        found = self._known.get(value)
        if found is None:
            found = self._read(value)
            if isinstance(found, Force):  # nobody can fill the memory with what they have made up
                self._known.put(value, found)
        if isinstance(found, Force) and found.until <= now:
            return Ignored.EXPIRED
        return found

    def _read(self, value: bytes) -> Force | Ignored:
        found = _FORM.fullmatch(value)
        if found is None or self._key is None:
            return Ignored.UNSIGNED
        if not hmac.compare_digest(_seal(found["said"], self._key), found["seal"].decode()):
            return Ignored.UNSIGNED
        by, feature = unquote(found["by"].decode()), (found["feature"] or b"").decode()
        return Force(Side(found["side"].decode()), int(found["until"]), by, feature)


def _seal(said: bytes, key: bytes) -> str:
    return hmac.digest(key, b"force:" + said, "sha256").hex()
