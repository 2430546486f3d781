"""One session's stand-in on the other side: its cookies there, and what the primary's values are called
there.

It must not know how requests are sent, and one mirror never sees another session. ``MirrorBook`` keeps the
mirrors, bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from shadow.comparison import Comparison
from shadow.cookies import cookie_pairs, parse_set_cookie
from shadow.correlation import Correlations
from shadow.jar import Jar
from shadow.lessons import lessons, short_lessons
from shadow.model import Headers, Observation, RequestSnapshot, field_values
from shadow.rewriting import rewrite_body, rewrite_target
from shadow.short_ids import ShortIds
from shadow.verdict import Verdict

FRAMING = frozenset(
    b"host content-length transfer-encoding connection keep-alive proxy-connection te trailer upgrade"
    b" expect".split()
)
"""Fields that belong to one connection: whoever sends the copy sets its own."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MAX_NAMES = 256
_MAX_GIVEN = 64
_MAX_MIRRORS = 8


class SessionMirror:
    """The state of one session on the other side.

    ``known_from_start``: every request since the session began went through this mirror, so its state can be
    trusted. ``lost`` says why it no longer can, and is empty otherwise. ``born``: when it was made.
    """

    __slots__ = (
        "_given",
        "_issued",
        "_jar",
        "_now",
        "_pairs",
        "_short",
        "attachment",
        "born",
        "known_from_start",
        "lost",
        "primary",
        "write_ended",
    )

    def __init__(self, now: float, *, known_from_start: bool = True, issued: set[str] | None = None) -> None:
        self._jar, self._pairs, self._now, self.born = Jar(), Correlations(), now, now
        self.primary = ""  # the side that answers the user
        self._short = ShortIds()
        self.write_ended = 0.0  # when the last request that may have changed something had its answer
        self._issued = (
            set() if issued is None else issued
        )  # names only, shared by all sessions: values never are
        self._given: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.attachment: object = None  # whatever its user wants to live exactly as long
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
        request = self._short.rewrite(request)
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
        sent = _cookies_of(request)
        return [(name, self._pairs.replace(value)) for name, value in sent if name not in taken]

    def learn(self, request: RequestSnapshot, primary: Observation, other: Observation) -> None:
        """Take in both answers to ``request`` (as the client sent it): cookies, correlations, and whether the
        state is still known.
        """
        sets_cookies = field_values(primary.headers, b"set-cookie")
        for field in sets_cookies:
            cookie = parse_set_cookie(field)
            if cookie:
                self._give(cookie.name, cookie.value)
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
        for found in short_lessons(request, primary, other):
            self._short.learn(found)

    def _give(self, name: str, value: str) -> None:
        """The primary has set this cookie: whoever shows it is in this session."""
        if len(self._issued) < _MAX_NAMES:
            self._issued.add(name)
        self._given[name, value] = None
        if len(self._given) > _MAX_GIVEN:
            self._given.popitem(last=False)

    def is_shown_by(self, cookies: Iterable[tuple[str, str]]) -> bool:
        """Whether one of these cookies is one that the primary set in this session."""
        return any(pair in self._given for pair in cookies)

    @property
    def has_no_cookies(self) -> bool:
        """The primary has set none so far: nothing tells this session from another of the same user."""
        return not self._given

    def size(self) -> int:
        """About how many bytes it holds."""
        given = sum(len(name) + len(value) for name, value in self._given)
        return 512 + 2 * (self._jar.size() + self._pairs.size() + self._short.size() + given)


def settle(comparison: Comparison, mirror: SessionMirror) -> Comparison:
    """``comparison``, or ``undetermined`` in place of a mismatch when the session's state on the other side
    is not known.
    """
    if comparison.verdict is not Verdict.MISMATCH or mirror.known_from_start:
        return comparison
    return msgspec.structs.replace(
        comparison, verdict=Verdict.UNDETERMINED, severity=None, reason=mirror.lost
    )


class _User:
    """The mirrors behind one sticky key, the last used first: two browsers, or a session after a session."""

    __slots__ = ("mirrors", "size", "used")

    def __init__(self) -> None:
        self.mirrors: list[SessionMirror] = []
        self.used = 0.0
        self.size = 0


class MirrorBook:
    """The mirrors of all sessions: least recently used first out, bounded by number, bytes and age.

    ``own_cookie``: the cookie of the gateway itself, which says nothing about an application's session.
    """

    def __init__(
        self, max_sessions: int, ttl: float, max_bytes: int = 64 * 1024 * 1024, own_cookie: str = ""
    ) -> None:
        self._max_sessions, self._ttl, self._max_bytes = max_sessions, ttl, max_bytes
        self._own_cookie = own_cookie
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._issued: set[str] = set()
        self._bytes = 0

    def find(self, key: str, request: RequestSnapshot, begins: bool, now: float) -> SessionMirror:
        """The mirror of the session that ``request`` belongs to, new when there is none. ``now``: seconds.

        ``key`` names the user. Which of the user's sessions it is, the cookies say: one that the primary
        set in it. ``begins``: the user was never seen before.
        """
        self._drop_old(now)
        user = self._take(key)
        shown = [pair for pair in _cookies_of(request) if pair[0] != self._own_cookie]
        mirror = next((each for each in user.mirrors if each.is_shown_by(shown)), None)
        if mirror is None and not any(name in self._issued for name, _ in shown):
            mirror = next((each for each in user.mirrors if each.has_no_cookies), None)
        if mirror is None:
            mirror = SessionMirror(now, known_from_start=begins or not shown, issued=self._issued)
        else:
            user.mirrors.remove(mirror)
        user.mirrors.insert(0, mirror)
        del user.mirrors[_MAX_MIRRORS:]
        mirror.touch(now)
        self._put(key, user, now)
        return mirror

    def lose(self, key: str, reason: str, now: float) -> None:
        """A request behind ``key`` will not reach the other side: all sessions of that user lose."""
        user = self._take(key)
        if not user.mirrors:
            user.mirrors.append(SessionMirror(now, issued=self._issued))
        for mirror in user.mirrors:
            mirror.lose(reason)
        self._put(key, user, now)

    def _take(self, key: str) -> _User:
        user = self._users.pop(key, None) or _User()
        self._bytes -= user.size
        return user

    def _put(self, key: str, user: _User, now: float) -> None:
        user.used = now
        user.size = sum(mirror.size() for mirror in user.mirrors)
        self._users[key] = user
        self._bytes += user.size
        while len(self._users) > self._max_sessions or (
            self._bytes > self._max_bytes and len(self._users) > 1
        ):
            self._take(next(iter(self._users)))

    def _drop_old(self, now: float) -> None:
        while self._users:
            key, user = next(iter(self._users.items()))
            if now - user.used <= self._ttl:
                return
            self._take(key)

    def __len__(self) -> int:
        return sum(len(user.mirrors) for user in self._users.values())


def unframed(request: RequestSnapshot) -> RequestSnapshot:
    """The same request without the fields that belong to one connection."""
    kept = tuple(line for line in request.headers if line[0].lower() not in FRAMING)
    return msgspec.structs.replace(request, headers=kept)


def _cookies_of(request: RequestSnapshot) -> list[tuple[str, str]]:
    return [pair for field in field_values(request.headers, b"cookie") for pair in cookie_pairs(field)]
