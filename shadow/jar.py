"""The cookies that one session holds on the other side. It must not know any other session, nor the primary's
cookies.

Follows RFC 6265 as far as one host needs it: name and path make a cookie, Max-Age before Expires, both may
delete. Bounded.
"""

from __future__ import annotations

from typing import NamedTuple

from shadow.cookies import SetCookie
from shadow.mirror_state import JarState

MAX_COOKIES = 50  # RFC 6265, 6.1: what a browser keeps for one host at least
MAX_COOKIE_BYTES = 4096


class _Kept(NamedTuple):
    value: str
    expires: float | None  # None: lasts with the session


class Jar:
    """Cookies by (path, name)."""

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str], _Kept] = {}

    def put(self, cookie: SetCookie, request_path: str, now: float) -> None:
        """Take over what an answer to a request for ``request_path`` sets or deletes; ``now`` in seconds
        since 1970.
        """
        path = cookie.attributes.get("path", "")
        key = (path if path.startswith("/") else _directory(request_path), cookie.name)
        lifetime = cookie.lifetime(now)
        self._cookies.pop(key, None)
        if (lifetime is not None and lifetime <= 0) or len(cookie.name) + len(
            cookie.value
        ) > MAX_COOKIE_BYTES:
            return
        if len(self._cookies) >= MAX_COOKIES:
            self._cookies.pop(next(iter(self._cookies)))
        self._cookies[key] = _Kept(cookie.value, None if lifetime is None else now + lifetime)

    def pairs(self, request_path: str, now: float) -> list[tuple[str, str]]:
        """Names and values to send with a request for ``request_path``, longer paths first."""
        for key in [
            key for key, kept in self._cookies.items() if kept.expires is not None and kept.expires <= now
        ]:
            del self._cookies[key]
        fitting = [(path, name) for path, name in self._cookies if _within(request_path, path)]
        fitting.sort(key=lambda key: -len(key[0]))
        return [(name, self._cookies[path, name].value) for path, name in fitting]

    def names(self) -> frozenset[str]:
        """The names of all cookies kept."""
        return frozenset(name for _, name in self._cookies)

    def __len__(self) -> int:
        """Cookies kept."""
        return len(self._cookies)

    def state(self) -> JarState:
        """All that is kept."""
        return JarState([(path, name, *kept) for (path, name), kept in self._cookies.items()])

    def resume(self, state: JarState) -> None:
        """Go on from what another jar kept."""
        self._cookies = {(path, name): _Kept(value, expires) for path, name, value, expires in state.cookies}

    def size(self) -> int:
        """Characters kept."""
        return sum(len(path) + len(name) + len(kept.value) for (path, name), kept in self._cookies.items())


def _directory(path: str) -> str:
    """RFC 6265, 5.1.4: the default path."""
    return path.rpartition("/")[0] or "/"


def _within(request_path: str, path: str) -> bool:
    """RFC 6265, 5.1.4: path matching."""
    return request_path == path or request_path.startswith(path if path.endswith("/") else path + "/")
