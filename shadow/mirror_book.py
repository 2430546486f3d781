"""The mirrors of all sessions, and which of them a request belongs to. Bounded by number, bytes and age; it
must not know what a session's values are called on the other side.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import inf

from shadow.mirror_state import UserState, read_state, write_state
from shadow.model import Headers, RequestSnapshot
from shadow.session import SessionMirror
from shadow.shown import shown

LEFT_OUT = "the sample of sessions was lowered meanwhile"
IN_TWO = "requests of the session came in another order than its cookie was given in"
_NEVER = (-inf, "")
_MAX_MIRRORS = 8
"""Sessions of one user."""
_MAX_GONE = 100_000
"""Users whose mirrors were let go and who are remembered for it."""


class _User:
    """The mirrors behind one sticky key, the last used first: two browsers, or a session after a session.
    ``lost``: until when one of them may lack a request, and why.
    """

    __slots__ = ("lost", "mirrors", "only", "shown", "size", "used")

    def __init__(self) -> None:
        self.mirrors: list[SessionMirror] = []
        self.only: SessionMirror | None = None  # chosen by ``shown`` when there was no other
        self.shown: tuple[Headers, int, int] = ((), 0, 0)
        self.lost = _NEVER
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
        self._gone: OrderedDict[int, None] = OrderedDict()
        self._bytes = 0
        self._look = 0.0  # when it is worth to look for old ones again
        self._lost = _NEVER  # until when some session may lack a request, nobody knows which; and why

    def find(
        self, key: str, request: RequestSnapshot, begins: bool, now: float, out_until: float = -inf
    ) -> SessionMirror:
        """The mirror of the session that ``request`` belongs to, new when there is none. ``now``: seconds.

        ``key`` names the user. Which of the user's sessions it is, the cookies say: one that the primary
        set in it. ``begins``: the user was never seen before. ``out_until``: until when requests of the user
        may have been left out.
        """
        if now >= self._look:
            self._drop_old(now)
        headers = request.headers
        user = self._users.get(key)
        if user is not None and (only := user.only) is not None:
            before, gives, issued = user.shown
            if before is headers and gives == only.gives and issued == len(self._issued):
                only.again(now)  # the usual one: what the choice depends on is what it was
                self._put(key, user, now)
                return only
        user = user or _User()
        sent = shown(headers)
        cookies = [pair for pair in sent.cookies if pair[0] != self._own_cookie]
        known = len(user.mirrors)
        was_let_go = known == 0 and hash(key) in self._gone
        mirror = self._chosen(user, cookies, begins, now, out_until)
        if was_let_go:
            mirror.lose("what was known of the session was let go meanwhile")
        user.only = mirror if known == len(user.mirrors) == 1 else None
        user.shown = headers, mirror.gives, len(self._issued)
        mirror.touch(now, sent, headers)
        self._put(key, user, now)
        return mirror

    def _chosen(
        self, user: _User, cookies: list[tuple[str, str]], begins: bool, now: float, out_until: float
    ) -> SessionMirror:
        mirrors = user.mirrors
        mirror = max(mirrors, key=lambda each: each.shown_by(cookies), default=None)
        if mirror is not None and not (most := mirror.shown_by(cookies)):
            mirror = None
        elif len(mirrors) > 1:
            alike = [each for each in mirrors if each.shown_by(cookies) == most and each.is_told_by(cookies)]
            for each in alike if len(alike) > 1 else ():
                each.lose(IN_TWO)
        is_in_session = any(name in self._issued for name, _ in cookies)
        if mirror is None and not is_in_session:
            mirror = next((each for each in mirrors if each.has_no_cookies), None)
        if mirror is None:
            is_known = not cookies or (begins and not is_in_session)
            mirror = SessionMirror(now, known_from_start=is_known, issued=self._issued)
            for until, why in (self._lost, user.lost, (out_until, LEFT_OUT)):
                if now < until or (not begins and now < until + self._ttl):  # it may be older than it looks
                    mirror.lose(why)
        if not mirrors or mirrors[0] is not mirror:
            if mirror in mirrors:
                mirrors.remove(mirror)
            mirrors.insert(0, mirror)
            del mirrors[_MAX_MIRRORS:]
        return mirror

    def lose(self, key: str, reason: str, now: float) -> None:
        """A request behind ``key`` is not followed here: of all sessions of that user the track is lost, and
        one that comes to light later is not known from its start.
        """
        user = self._users.get(key) or _User()
        if not user.mirrors:
            user.mirrors.append(SessionMirror(now, issued=self._issued))
        for mirror in user.mirrors:
            mirror.lose_track(reason)
        user.lost = (now, reason)
        self._put(key, user, now)

    def begin_late(self, reason: str, at: float) -> None:
        """Sessions that had begun by then were another's: none that comes to light later is known from its
        start, if it may be one of them.
        """
        self._lost = (max(at, self._lost[0]), reason)

    def lose_all(self, reason: str, at: float) -> None:
        """Something was lost until ``at`` (time of day in seconds), and nobody knows of which session: of one
        that is here, or of one that will be seen here later and had begun before.
        """
        self.begin_late(reason, at)
        for user in self._users.values():
            for mirror in user.mirrors:
                mirror.lose_track(reason)

    def __contains__(self, key: str) -> bool:
        """Whether anything is known of the sessions behind ``key``."""
        return key in self._users

    def state(self, key: str, era: str) -> bytes | None:
        """What is known of the sessions behind ``key``, for another process; None when nothing is."""
        user = self._users.get(key)
        if user is None:
            return None
        return write_state(UserState(era, user.used, [each.state() for each in user.mirrors], user.lost))

    def resume(self, key: str, data: bytes, era: str) -> bool:
        """Go on with the sessions behind ``key`` where another process left them; False when what it left
        cannot be read. Of another ``era``: something was lost since. What they did on their own side
        stays with the other process.
        """
        state = read_state(data)
        if state is None or key in self._users:
            return state is not None
        user = _User()
        user.mirrors = [SessionMirror.resumed(each, self._issued) for each in state.mirrors]
        user.lost = state.lost
        for mirror in user.mirrors:
            mirror.leave_track()
            if state.era != era:
                mirror.lose("requests of sessions were lost meanwhile")
        self._put(key, user, state.used)
        return True

    def forget(self, gone: Callable[[str], bool]) -> None:
        """The sessions behind these keys are another process's from now on."""
        for key in [key for key in self._users if gone(key)]:
            self._drop(key)

    def _drop(self, key: str) -> _User:
        user = self._users.pop(key)
        self._bytes -= user.size
        return user

    def _let_go(self, key: str) -> None:
        """There is no room or time left for a user. One whose sides may differ is remembered by a hash of the
        key, so that another one of the same hash is at worst undetermined.
        """
        if any(mirror.has_state or mirror.lost for mirror in self._drop(key).mirrors):
            self._gone[hash(key)] = None
            self._gone.move_to_end(hash(key))
            if len(self._gone) > _MAX_GONE:
                self._gone.popitem(last=False)

    def _put(self, key: str, user: _User, now: float) -> None:
        """Keep a user as the last used one."""
        user.used = now
        mirrors = user.mirrors
        size = mirrors[0].size() if len(mirrors) == 1 else sum(mirror.size() for mirror in mirrors)
        self._users[key] = user
        self._users.move_to_end(key)
        if size == user.size:
            return
        self._bytes += size - user.size
        user.size = size
        while len(self._users) > self._max_sessions or (
            self._bytes > self._max_bytes and len(self._users) > 1
        ):
            self._let_go(next(iter(self._users)))

    def _drop_old(self, now: float) -> None:
        self._look = now + min(1.0, self._ttl / 10)
        while self._users:
            key, user = next(iter(self._users.items()))
            if now - user.used <= self._ttl:
                return
            self._let_go(key)

    def __len__(self) -> int:
        return sum(len(user.mirrors) for user in self._users.values())
