"""One session's stand-in on the other side: its cookies there, and what the primary's values are called
there.

It must not know how requests are sent, and one mirror never sees another session.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

import msgspec

from shadow.comparison import Comparison, undetermined
from shadow.cookies import parse_set_cookie
from shadow.correlation import Correlations
from shadow.jar import Jar
from shadow.lessons import lessons_of, short_lessons_of
from shadow.mirror_state import MirrorState
from shadow.missed import Missed
from shadow.model import SAFE_METHODS, Headers, Observation, RequestSnapshot, field_values
from shadow.pair import Pair
from shadow.rewriting import replaced_in_cookie, replaced_in_field, rewrite_body, rewrite_target
from shadow.short_ids import ShortId, ShortIds
from shadow.shown import FRAMING, Shown, shown, with_cookies
from shadow.verdict import Verdict

_MAX_NAMES = 256
_MAX_GIVEN = 64
_TELLING = 8
"""Characters from which a cookie is a session's own, and not a language or a theme."""
_WORD_SIZE = 80


class SessionMirror:
    """The state of one session on the other side.

    ``known_from_start``: every request since the session began went through this mirror, so its state can be
    trusted. ``lost`` says why it no longer can, and is empty otherwise. ``born``: when it was made.

    A caller may follow what the session does on its own side, too: ``track`` is whatever the caller keeps of
    that, None as long as it keeps nothing; ``is_off_track``: it cannot be followed, now or ever again.
    """

    __slots__ = (
        "_given",
        "_grown",
        "_issued",
        "_jar",
        "_missed",
        "_now",
        "_pairs",
        "_plain",
        "_sent",
        "_sent_by",
        "_short",
        "_size",
        "born",
        "gives",
        "is_off_track",
        "known_from_start",
        "lost",
        "primary",
        "track",
        "write_ended",
    )

    def __init__(self, now: float, *, known_from_start: bool = True, issued: set[str] | None = None) -> None:
        self._jar, self._pairs, self._now, self.born = Jar(), Correlations(), now, now
        self.primary = ""  # the side that answers the user
        self._short = ShortIds()
        self._missed = Missed()
        self._grown, self._size = True, 0
        self._plain = True  # nothing is called otherwise on the other side
        self.gives = 0  # cookies that the primary set so far
        self._sent: Shown | None = None
        self._sent_by: Headers = ()
        self.write_ended = 0.0  # when the last request that may have changed something had its answer
        self._issued = (
            set() if issued is None else issued
        )  # names only, shared by all sessions: values never are
        self._given: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.track: object | None = None
        self.is_off_track = False
        self.known_from_start = known_from_start
        self.lost = "" if known_from_start else "the session began before it was sampled"

    def touch(self, now: float, sent: Shown, headers: Headers) -> None:
        """A request has come: at which time (seconds since 1970), by which cookies expire, and what its
        ``headers`` show.
        """
        self._now, self._sent, self._sent_by = now, sent, headers

    def again(self, now: float) -> None:
        """One more with the same fields."""
        self._now = now

    def lose(self, reason: str) -> None:
        """Say that a request of the session did not reach the other side, so that its state there is unknown
        from here on.
        """
        self.known_from_start = False
        self.lost = self.lost or reason

    def lose_track(self, reason: str) -> None:
        """Say that a request of the session was not seen here, or not in its turn: what the session did on
        its own side is unknown as well from here on.
        """
        self.lose(reason)
        self.leave_track()

    def leave_track(self) -> None:
        """Say that what the session does on its own side cannot be followed."""
        self.track, self.is_off_track = None, True

    def rewrite(self, request: RequestSnapshot) -> RequestSnapshot:
        """The copy for the other side: its own cookies, its own values, no framing fields."""
        if self._missed and self._missed.is_shown_by(request):
            self.lose("a value of an answer that the other side did not give was shown again")
        sent = self._sent
        usual = self._plain and sent is not None and request.headers is self._sent_by
        if usual and sent is not None and self._issued.isdisjoint(sent.names):
            return RequestSnapshot(request.method, request.target, sent.plain, request.body, request.body_cut)
        if len(self._short):
            request = self._short.rewrite(request)
        if not self._pairs:
            return RequestSnapshot(
                request.method, request.target, self._headers(request), request.body, request.body_cut
            )
        replace = self._pairs.replace
        return RequestSnapshot(
            request.method,
            rewrite_target(request.target, replace),
            self._headers(request),
            rewrite_body(request, replace),
            request.body_cut,
        )

    def _headers(self, request: RequestSnapshot) -> Headers:
        sent = self._sent if request.headers is self._sent_by and self._sent else shown(request.headers)
        is_plain = not self._pairs
        if is_plain and not len(self._jar) and self._issued.isdisjoint(sent.names):
            return sent.plain
        replace = self._pairs.replace
        fields = sent.fields
        if not is_plain:
            fields = tuple([(name, replaced_in_field(value, replace)) for name, value in fields])
        # the cookies that the client made itself; those that the primary set are its business only
        taken, jar = self._issued, self._jar.names()
        cookies = [
            (name, replaced_in_cookie(value, replace))
            for name, value in sent.cookies
            if name not in taken and name not in jar
        ]
        cookies += self._jar.pairs(request.target.partition("?")[0], self._now)
        return with_cookies(fields, cookies)

    def learn(
        self, request: RequestSnapshot, primary: Observation, other: Observation, pair: Pair | None = None
    ) -> None:
        """Take in both answers to ``request`` (as the client sent it): cookies, correlations, and whether the
        state is still known. ``pair``: the two, where somebody has read them already.
        """
        if not other.error:
            self.answered(request)
        if pair is not None and pair.is_same:
            return
        sets_cookies = field_values(primary.headers, b"set-cookie")
        for field in sets_cookies:
            cookie = parse_set_cookie(field)
            if cookie:
                self._give(cookie.name, cookie.value)
        self._grown = True
        if other.error or primary.error:
            if request.method not in SAFE_METHODS or sets_cookies:
                silent = other.side if other.error else primary.side
                self.lose(f"no answer from {silent} to a request that may change state")
            elif not (primary.error or self._missed.note(request, primary)):
                self.lose(f"no answer from {other.side} to a request that gave many values")
            return
        for field in field_values(other.headers, b"set-cookie"):
            cookie = parse_set_cookie(field)
            if cookie:
                self._jar.put(cookie, request.target.partition("?")[0], self._now)
        if pair is None:
            pair = Pair(primary, other)
        if pair.control.side == primary.side:
            primary, other, bodies = pair.control, pair.candidate, pair.bodies
        else:
            primary, other, bodies = pair.candidate, pair.control, pair.bodies.swapped()
        for ours, theirs in lessons_of(primary, other, bodies):
            self._pairs.learn(ours, theirs)
        for found in short_lessons_of(request, primary, other, bodies):
            self._short.learn(found)
        self._note()

    def answered(self, request: RequestSnapshot) -> None:
        """Both sides have answered this request."""
        if self._missed:
            self._missed.made_up_for(request.target)

    def _note(self) -> None:
        """Whether a copy may differ from the request at all, but for cookies that others were given."""
        self._plain = not (self._pairs or len(self._short) or len(self._jar))

    def _give(self, name: str, value: str) -> None:
        """The primary has set this cookie: whoever shows it is in this session."""
        self.gives += 1
        if len(self._issued) < _MAX_NAMES:
            self._issued.add(name)
        self._given[name, value] = None
        if len(self._given) > _MAX_GIVEN:
            self._given.popitem(last=False)

    def shown_by(self, cookies: Collection[tuple[str, str]]) -> int:
        """How many of these cookies are ones that the primary set in this session; 0 where those that could
        tell it from another session (the long ones) are another's, whatever else both were given.
        """
        given = self._given
        known = sum(pair in given for pair in cookies)
        if known < len(cookies):
            names = {name for name, _ in given}
            telling = [pair for pair in cookies if pair[0] in names and len(pair[1]) >= _TELLING]
            if telling and not any(pair in given for pair in telling):
                return 0
        return known

    def is_told_by(self, cookies: Collection[tuple[str, str]]) -> bool:
        """Whether one of these cookies is this session's own: a long one that the primary set in it."""
        return any(pair in self._given and len(pair[1]) >= _TELLING for pair in cookies)

    @property
    def has_no_cookies(self) -> bool:
        """The primary has set none so far: nothing tells this session from another of the same user."""
        return not self._given

    @property
    def has_state(self) -> bool:
        """Whether one side may know by now what the other does not: a cookie or a value of its own was given,
        by both or by one alone, or a request came that may have changed something.
        """
        learned = len(self._jar) or self._pairs or len(self._short)
        return bool(self._given or learned or self._missed or self.write_ended)

    def state(self) -> MirrorState:
        """All that another process needs to go on with this session."""
        ids, texts = self._pairs.state()
        return MirrorState(
            self.born,
            self.known_from_start,
            self.lost,
            self.primary,
            self.write_ended,
            self._jar.state(),
            ids,
            texts,
            self._short.state(),
            list(self._given),
            self._missed.state(),
        )

    @classmethod
    def resumed(cls, state: MirrorState, issued: set[str]) -> SessionMirror:
        """The session, as another process left it."""
        mirror = cls(state.born, known_from_start=state.known_from_start, issued=issued)
        mirror.lost, mirror.primary, mirror.write_ended = state.lost, state.primary, state.write_ended
        mirror._jar.resume(state.jar)
        mirror._pairs.resume(state.ids, state.texts)
        for found in state.short:
            mirror._short.learn(ShortId(*found))
        for name, value in state.given:
            mirror._give(name, value)
        mirror._missed.resume(state.missed)
        mirror._note()
        return mirror

    def size(self) -> int:
        """About how many bytes it holds."""
        if self._grown:
            self._grown = False
            given = sum(len(name) + len(value) for name, value in self._given)
            values = self._jar.size() + self._pairs.size() + self._short.size() + given
            self._size = 512 + 2 * values + _WORD_SIZE * len(self._missed)
        return self._size


def settle(comparison: Comparison, mirror: SessionMirror) -> Comparison:
    """``comparison``, or ``undetermined`` in place of a mismatch when the session's state on the other side
    is not known.
    """
    if comparison.verdict is not Verdict.MISMATCH or mirror.known_from_start:
        return comparison
    return undetermined(comparison, mirror.lost)


def unframed(request: RequestSnapshot) -> RequestSnapshot:
    """The same request without the fields that belong to one connection."""
    kept = tuple(line for line in request.headers if line[0].lower() not in FRAMING)
    return msgspec.structs.replace(request, headers=kept)
