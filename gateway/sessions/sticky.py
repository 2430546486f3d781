"""The sticky key: what the same user shows again and again, so that the same user always gets the same side.

Tried in order: the gateway's own cookie, then the configured keys, and if there is none a new one is
minted and set as a cookie, whichever side answers. The own cookie comes first because it was minted when
nothing else was there: a session cookie that an application sets afterwards must not move the user to
another position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.core.headers import RequestFacts, cookie_value

_MINTED = re.compile(rb"[0-9a-f]{32}\Z")
_LONGEST = 512


class StickyKey(NamedTuple):
    """``minted``: this request brought none. ``source`` is the configured key it came from, such as
    ``cookie:session``."""

    value: str
    minted: bool
    source: str


class StickyKeys:
    """Finds sticky keys. ``mint`` gives 32 hexadecimal digits, random and never given before."""

    __slots__ = ("_cookie", "_keys", "_mint", "_source", "vary")

    def __init__(self, keys: Iterable[str], cookie: str, mint: Callable[[], str]) -> None:
        self._keys = [(key, *key.partition(":")[::2]) for key in keys]
        self._cookie = cookie.encode()
        self._source = f"cookie:{cookie}"
        self._mint = mint
        self.vary = _vary_line(self._keys)

    def find(self, facts: RequestFacts) -> StickyKey:
        """The sticky key of a request; a minted one must be given to the client with ``set_cookie``."""
        own = cookie_value(facts.cookie, self._cookie)
        if own is not None and _MINTED.match(own):
            return StickyKey(own.decode(), False, self._source)
        for source, kind, name in self._keys:
            value = _lookup(facts, kind, name.encode())
            if value and len(value) <= _LONGEST:
                return StickyKey(value.decode("latin-1"), False, source)
        return StickyKey(self._mint(), True, self._source)

    def set_cookie(self, key: StickyKey, *, secure: bool) -> bytes:
        """The Set-Cookie line for a minted key: a year long, out of reach of scripts."""
        return b"Set-Cookie: %b=%b; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax%b\r\n" % (
            self._cookie,
            key.value.encode(),
            b"; Secure" if secure else b"",
        )


def _vary_line(keys: Iterable[tuple[str, str, str]]) -> bytes:
    """What an answer depends on when its side depends on the key: every place where one is looked for."""
    names = ["Cookie", *(name for _, kind, name in keys if kind == "header" and name.lower() != "cookie")]
    return b"Vary: %b\r\n" % ", ".join(names).encode()


def _lookup(facts: RequestFacts, kind: str, name: bytes) -> bytes | None:
    if kind == "cookie":
        return cookie_value(facts.cookie, name) if facts.cookie else None
    lower = name.lower()
    return next((value for field, value in facts.kept if field.lower() == lower), None)
