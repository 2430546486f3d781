"""The sticky key: what the same user shows again and again, so that the same user always gets the same side.

Tried in order: the gateway's own cookie, then the configured keys, and if there is none a new one is
minted and set as a cookie, whichever side answers. The own cookie comes first because it was minted when
nothing else was there: a session cookie that an application sets afterwards must not move the user to
another position. For the same reason, when an application replaces the very cookie that a key was found in,
as many do at login, the old value goes on as the key, in the gateway's own cookie (`carried`), for as long as
the application's new one lasts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gateway.core.claims import claim
from gateway.core.headers import RequestFacts, cookie_value
from gateway.core.memory import Memory
from gateway.sessions.carried import CarriedKeys

_MINTED = re.compile(rb"[0-9a-f]{32}\Z")
_LONGEST = 512
_REMEMBERED = 2048
"""Cookie fields of which the key is remembered: the same user sends the same one again and again."""


_A_MONTH = b"; Max-Age=2592000"
Began = Callable[[bytes], bytes]
"""From a key's text to what stands behind it in the cookie: a point and more, or nothing."""


def _nothing(text: bytes) -> bytes:
    return b""


class StickyKey(NamedTuple):
    """``minted``: this request brought none. ``source`` is the configured key it came from, such as
    ``cookie:session``. ``began``: what stands behind the key in the gateway's own cookie, and ``text`` the
    key as it stands there."""

    value: str
    minted: bool
    source: str
    carried: bool = False
    text: bytes = b""
    began: bytes = b""


class StickyKeys:
    """Finds sticky keys. ``mint`` gives 32 hexadecimal digits, random and never given before. Without
    ``carried`` a key changes when the application's cookie does."""

    __slots__ = ("_by_cookie", "_carried", "_cookie", "_found", "_keys", "_mint", "_names", "_source", "vary")

    def __init__(
        self,
        keys: Iterable[str],
        cookie: str,
        mint: Callable[[], str],
        carried: CarriedKeys | None = None,
    ) -> None:
        self._carried = carried
        self._keys = [(key, *key.partition(":")[::2]) for key in keys]
        self._cookie = cookie.encode()
        self._names = frozenset(name.encode() for _, kind, name in self._keys if kind == "cookie")
        self._source = f"cookie:{cookie}"
        self._mint = mint
        self.vary = _vary_line(self._keys)
        self._by_cookie = all(kind == "cookie" for _, kind, _ in self._keys)
        self._found: Memory[bytes, StickyKey] = Memory(_REMEMBERED)

    def find(self, facts: RequestFacts) -> StickyKey:
        """The sticky key of a request; a minted one must be given to the client with ``set_cookie``."""
        cookie = facts.cookie
        if not self._by_cookie or not cookie or len(cookie) > _LONGEST:
            return self._find(facts)
        key = self._found.recent(cookie)
        if key is None:
            key = self._find(facts)
            if not key.minted:
                self._found.put(cookie, key)
        return key

    def _find(self, facts: RequestFacts) -> StickyKey:
        own, _, began = (cookie_value(facts.cookie, self._cookie) or b"").partition(b".")
        if _MINTED.match(own):
            return StickyKey(own.decode(), False, self._source, False, own, began)
        if own and self._carried and (value := self._carried.open(own)) is not None:
            return StickyKey(value, False, self._source, True, own, began)
        for source, kind, name in self._keys:
            found = _lookup(facts, kind, name.encode())
            if found and len(found) <= _LONGEST:
                return StickyKey(found.decode("latin-1"), False, source)
        return StickyKey(self._mint(), True, self._source)

    def set_cookie(self, key: StickyKey, *, secure: bool, began: Began = _nothing) -> bytes:
        """The Set-Cookie line for a minted key: a year long, out of reach of scripts. ``began``: what stands
        behind a key, from its text."""
        text = key.value.encode()
        return b"Set-Cookie: %b=%b%b; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax%b\r\n" % (
            self._cookie,
            text,
            began(text),
            b"; Secure" if secure else b"",
        )

    def mark(self, key: StickyKey, *, secure: bool, began: Began) -> bytes:
        """The Set-Cookie line that says what the session of a known key began with; b"" for a key that no
        cookie should hold: who is told apart by a header may be several in one browser."""
        if key.source == self._source and not key.carried:
            return self.set_cookie(key, secure=secure, began=began)
        if key.source.startswith(("header:", "claim:")):
            return b""
        text = key.text or (self._carried.close(key.value) if self._carried else None)
        return self._carry_line(text, _A_MONTH, secure, began) if text else b""

    def carry(
        self, key: StickyKey, cookies: Iterable[bytes], *, secure: bool, began: Began = _nothing
    ) -> bytes:
        """The Set-Cookie line with which a user keeps ``key`` although an answer replaces the cookie that it
        was found in; b"" where none is needed. ``cookies``: the values of the answer's Set-Cookie fields."""
        for cookie in cookies:
            name, _, rest = cookie.partition(b"=")
            text, _, attributes = rest.partition(b";")
            if not self._replaces(key, name.strip(), text.strip(b' \t"')):
                continue
            life = _life(attributes)
            closed = self._carried.close(key.value) if self._carried and life is not None else None
            if closed is not None and life is not None:
                return self._carry_line(closed, life, secure, began)
        return b""

    def _carry_line(self, text: bytes, life: bytes, secure: bool, began: Began) -> bytes:
        more = b"; Secure" if secure else b""
        return b"Set-Cookie: %b=%b%b; Path=/%b; HttpOnly; SameSite=Lax%b\r\n" % (
            self._cookie,
            text,
            began(text),
            life,
            more,
        )

    def _replaces(self, key: StickyKey, name: bytes, text: bytes) -> bool:
        if key.carried:
            return bool(text) and name in self._names  # it lasts as long as the newest of them
        return (
            bool(text)
            and key.source == f"cookie:{name.decode('latin-1')}"
            and (text.decode("latin-1") != key.value)
        )


def _life(attributes: bytes) -> bytes | None:
    """How long a cookie lasts, as attributes for another one; None where it ends at once."""
    found = b""
    for attribute in attributes.split(b";"):
        name, _, value = attribute.strip().partition(b"=")
        lower = name.strip().lower()
        if lower == b"max-age":
            if not value.strip().isdigit() or not int(value):
                return None
            found += b"; Max-Age=" + value.strip()
        elif lower == b"expires":
            if b"1970" in value:
                return None
            found += b"; Expires=" + value.strip()
    return found


def _vary_line(keys: Sequence[tuple[str, str, str]]) -> bytes:
    """What an answer depends on when its side depends on the key: every place where one is looked for."""
    names = ["Cookie", *(name for _, kind, name in keys if kind == "header" and name.lower() != "cookie")]
    if any(kind == "claim" for _, kind, _ in keys):
        names.append("Authorization")
    return b"Vary: %b\r\n" % ", ".join(dict.fromkeys(names)).encode()


def _lookup(facts: RequestFacts, kind: str, name: bytes) -> bytes | None:
    if kind == "cookie":
        return cookie_value(facts.cookie, name) if facts.cookie else None
    if kind == "claim":
        return claim(facts.kept, name.decode()).encode("latin-1", "xmlcharrefreplace")
    lower = name.lower()
    return next((value for field, value in facts.kept if field.lower() == lower), None)
