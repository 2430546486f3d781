"""One session's stand-in on the other side: its cookies there, and what the primary's values are called
there.

It must not know how requests are sent, and one mirror never sees another session. ``MirrorBook`` keeps the
mirrors, bounded.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from shadow.comparison import Comparison
from shadow.cookies import cookie_pairs, parse_set_cookie
from shadow.correlation import Correlations
from shadow.jar import Jar
from shadow.lessons import lessons
from shadow.model import Headers, Observation, RequestSnapshot, field_values
from shadow.rewriting import rewrite_body, rewrite_target
from shadow.verdict import Verdict

FRAMING = frozenset(
    b"host content-length transfer-encoding connection keep-alive proxy-connection te trailer upgrade"
    b" expect".split()
)
"""Fields that belong to one connection: whoever sends the copy sets its own."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MAX_NAMES = 256


class SessionMirror:
    """The state of one session on the other side.

    ``known_from_start``: every request since the session began went through this mirror, so its state can be
    trusted. ``lost`` says why it no longer can, and is empty otherwise.
    """

    __slots__ = ("_issued", "_jar", "_now", "_pairs", "known_from_start", "lost")

    def __init__(self, now: float, *, known_from_start: bool = True, issued: set[str] | None = None) -> None:
        self._jar, self._pairs, self._now = Jar(), Correlations(), now
        self._issued = (
            set() if issued is None else issued
        )  # names only, shared by all sessions: values never are
        self.known_from_start = known_from_start
        self.lost = "" if known_from_start else "the session began before it was sampled"

    def touch(self, now: float) -> None:
        """Set the clock (seconds since 1970) by which cookies expire."""
        self._now = now

    def lose(self, reason: str) -> None:
        """Say that a request of the session did not reach the other side, so that its state there is unknown
        from here on.
        """
        self.known_from_start = False
        self.lost = self.lost or reason

    def rewrite(self, request: RequestSnapshot) -> RequestSnapshot:
        """The copy for the other side: its own cookies, its own values, no framing fields."""
        replace = self._pairs.replace
        return msgspec.structs.replace(
            request,
            target=rewrite_target(request.target, replace),
            headers=self._headers(request),
            body=rewrite_body(request, replace),
        )

    def _headers(self, request: RequestSnapshot) -> Headers:
        kept: list[tuple[bytes, bytes]] = []
        for name, value in request.headers:
            lower = name.lower()
            if lower not in FRAMING and lower != b"cookie":
                kept.append((name, self._pairs.replace(value.decode("latin-1")).encode("latin-1", "replace")))
        cookies = self._own_cookies(request) + self._jar.pairs(request.target.partition("?")[0], self._now)
        if cookies:
            line = "; ".join(f"{name}={value}" for name, value in cookies)
            kept.append((b"cookie", line.encode("latin-1", "replace")))
        return tuple(kept)

    def _own_cookies(self, request: RequestSnapshot) -> list[tuple[str, str]]:
        """The cookies that the client made itself; those that the primary set are its business only."""
        taken = self._issued | self._jar.names()
        sent = [pair for field in field_values(request.headers, b"cookie") for pair in cookie_pairs(field)]
        return [(name, self._pairs.replace(value)) for name, value in sent if name not in taken]

    def learn(self, request: RequestSnapshot, primary: Observation, other: Observation) -> None:
        """Take in both answers to ``request`` (as the client sent it): cookies, correlations, and whether the
        state is still known.
        """
        sets_cookies = field_values(primary.headers, b"set-cookie")
        for field in sets_cookies:
            cookie = parse_set_cookie(field)
            if cookie and len(self._issued) < _MAX_NAMES:
                self._issued.add(cookie.name)
        if other.error or primary.error:
            if request.method not in SAFE_METHODS or sets_cookies:
                silent = other.side if other.error else primary.side
                self.lose(f"no answer from {silent} to a request that may change state")
            return
        for field in field_values(other.headers, b"set-cookie"):
            cookie = parse_set_cookie(field)
            if cookie:
                self._jar.put(cookie, request.target.partition("?")[0], self._now)
        for ours, theirs in lessons(primary, other):
            self._pairs.learn(ours, theirs)

    def size(self) -> int:
        """About how many bytes it holds."""
        return 512 + 2 * (self._jar.size() + self._pairs.size())


def settle(comparison: Comparison, mirror: SessionMirror) -> Comparison:
    """``comparison``, or ``undetermined`` in place of a mismatch when the session's state on the other side
    is not known.
    """
    if comparison.verdict is not Verdict.MISMATCH or mirror.known_from_start:
        return comparison
    return msgspec.structs.replace(
        comparison, verdict=Verdict.UNDETERMINED, severity=None, reason=mirror.lost
    )


class MirrorBook:
    """The mirrors of all sessions: least recently used first out, bounded by number, bytes and age."""

    def __init__(self, max_sessions: int, ttl: float, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_sessions, self._ttl, self._max_bytes = max_sessions, ttl, max_bytes
        self._mirrors: OrderedDict[str, tuple[SessionMirror, float, int]] = OrderedDict()
        self._issued: set[str] = set()
        self._bytes = 0

    def get(self, session_key: str, begins: bool, now: float) -> SessionMirror:
        """The mirror of a session, new when there is none. ``begins``: this is the session's first request.
        ``now``: seconds.
        """
        self._drop_old(now)
        known = self._remove(session_key)
        mirror = known or SessionMirror(now, known_from_start=begins, issued=self._issued)
        mirror.touch(now)
        size = mirror.size()
        self._mirrors[session_key] = (mirror, now, size)
        self._bytes += size
        while len(self._mirrors) > self._max_sessions or (
            self._bytes > self._max_bytes and len(self._mirrors) > 1
        ):
            self._remove(next(iter(self._mirrors)))
        return mirror

    def _remove(self, session_key: str) -> SessionMirror | None:
        mirror, _, size = self._mirrors.pop(session_key, (None, 0.0, 0))
        self._bytes -= size
        return mirror

    def _drop_old(self, now: float) -> None:
        while self._mirrors:
            session_key, (_, used, _) = next(iter(self._mirrors.items()))
            if now - used <= self._ttl:
                return
            self._remove(session_key)

    def __len__(self) -> int:
        return len(self._mirrors)
