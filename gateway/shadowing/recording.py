"""Live sessions kept as goldens while an order asks for it: collected in memory, bounded, and written when
they are over. Knows no request path; nobody waits for it.

What is written has been scrubbed: until then a session is in memory only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from flags import position
from gateway.capture import CapturedExchange
from gateway.shadowing.orders import Order, Outcome, Written, current_order, report_outcome
from gateway.shadowing.routes import RouteEvidence
from golden import (
    Exchange,
    GoldenError,
    GoldenIndex,
    Journal,
    Provenance,
    scrubber_for,
    tell,
    to_toml,
    write,
    write_journey,
)
from shadow import Observation, RequestSnapshot, Rules, SessionMirror, lessons, written_out

MAX_OPEN = 200
MAX_BYTES = 32 * 1024 * 1024
MAX_EXCHANGES = 300
_SAMPLE = "golden-sample"
_LOST = "an exchange was lost or dropped under load"
_log = logging.getLogger("banyan.shadow")


@dataclass
class _Session:
    """One session under way. The mirror is kept so that nobody else can take its place meanwhile."""

    mirror: SessionMirror
    key: str
    last: float = 0.0
    size: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    routes: set[str] = field(default_factory=set)
    full: bool = False
    unfit: str = ""


class LiveRecorder:
    """``state``: where orders are; ``index``: of this shadow process; ``header`` of the answers that names
    the release. ``look`` is called once a second.
    """

    def __init__(self, state: Path, index: int, rules: Rules, header: str = "") -> None:
        self._header = header
        self._state, self._index, self._rules = state, index, rules
        self._order: Order | None = None
        self._outcome = Outcome("")
        self._open: dict[int, _Session] = {}
        self._bytes = 0
        self._told: set[str] = set()
        self._routes: Counter[str] = Counter()
        self._known: GoldenIndex | None = None
        self._routes_seen = RouteEvidence.load(state, index)

    def take(
        self,
        exchange: CapturedExchange,
        route: str,
        mirror: SessionMirror,
        other: Observation | None,
        first: bool,
    ) -> None:
        """An exchange, in its order within the session. ``other``: what the other side answered; ``first``:
        the session begins with it.
        """
        self._routes_seen.note(exchange.feature, route, compared=bool(other and not other.error))
        order = self._order
        if order is None or exchange.feature != order.feature:
            return
        session = self._open.get(id(mirror))
        if session is None:
            if not first:
                return
            if position(_SAMPLE, exchange.key) >= order.share:
                return
            if len(self._open) >= MAX_OPEN or self._bytes >= MAX_BYTES:
                self._leave_out("too many sessions at once")
                return
            session = self._open[id(mirror)] = _Session(mirror, exchange.key)
        session.last = exchange.at
        session.routes.add(route)
        if exchange.answer.side != order.side:
            session.unfit = f"answered by {exchange.answer.side}"
        size = len(exchange.request.body) + len(exchange.answer.body)
        if len(session.exchanges) >= MAX_EXCHANGES or self._bytes + size > MAX_BYTES:
            session.full = True  # what was kept so far is a journey all the same; one with a hole is none
        if session.unfit or session.full:
            return
        differing = frozenset(ours for ours, _ in lessons(exchange.answer, other)) if other else frozenset()
        session.exchanges.append(Exchange(exchange.request, exchange.answer, differing))
        session.size += size
        self._bytes += size

    def lost(self, key: str) -> None:
        """An exchange of this key never came here: its sessions go on from another state."""
        for session in self._open.values():
            if session.key == key:
                session.unfit = _LOST

    def lost_all(self) -> None:
        """Exchanges never came here, and nobody knows of which sessions."""
        for session in self._open.values():
            session.unfit = _LOST

    async def look(self, now: float, *, ending: bool = False) -> None:
        """Take up a new order, close what is over, say what was done."""
        self._routes_seen.save()
        found = None if ending else current_order(self._state)
        order = self._order
        over = order is not None and (found is None or found.id != order.id or now >= order.until)
        if order is not None:
            await self._close(order, [s for s in self._open.values() if over or now - s.last >= order.idle])
        if over:
            self._finish()
        if (
            self._order is None
            and found is not None
            and now < found.until
            and found.id != self._outcome.order
        ):
            await self._begin(found)
        if self._order is not None or over:
            self._outcome.open = len(self._open)
            report_outcome(self._state, self._index, self._outcome)

    async def _begin(self, order: Order) -> None:
        self._known = await asyncio.to_thread(GoldenIndex.load, Path(order.folder), rules=self._rules)
        self._order, self._outcome = order, Outcome(order.id)
        _log.info("recording sessions of %s as goldens", order.feature)

    def _finish(self) -> None:
        self._outcome.done = True
        self._order, self._known, self._bytes = None, None, 0
        self._open.clear()
        self._told.clear()
        self._routes.clear()

    async def _close(self, order: Order, sessions: list[_Session]) -> None:
        for session in sessions:
            self._open.pop(id(session.mirror), None)
            self._bytes -= session.size
            reason = self._reason_against(order, session)
            if reason:
                self._leave_out(reason)
                continue
            try:
                await self._write(order, session)
            except GoldenError as error:
                self._outcome.problems.append(str(error))
            except Exception as error:  # noqa: BLE001 - one session must not end the recording of others
                _log.exception("a session could not be recorded")
                self._outcome.problems.append(f"a session could not be recorded: {type(error).__name__}")

    def _reason_against(self, order: Order, session: _Session) -> str:
        if session.unfit or not session.exchanges:
            return session.unfit or "nothing was kept"
        if len(self._outcome.written) >= order.sessions:
            return "enough sessions"
        if all(self._routes[route] >= order.per_route for route in session.routes):
            return "enough of its routes"
        return "recorded already" if self._is_known(session) else ""

    def _is_known(self, session: _Session) -> bool:
        """Whether every step has a recording in the same state already."""
        if self._known is None or not len(self._known):
            return False
        state = self._known.begin()
        for each in session.exchanges:
            recording = self._known.find(each.request, state)
            if recording is None:
                return False
            state.advance(each.request, recording, each.answer)
        return True

    async def _write(self, order: Order, session: _Session) -> None:
        scrubber = scrubber_for(self._rules)
        place = _placed_in(order.feature)
        origin = Provenance(order.side, header=self._header, rules=self._rules, place=place)
        journal = await asyncio.to_thread(tell, session.exchanges, f"live-{order.feature}", scrubber, origin)
        if journal is None or journal.flow.name in self._told:
            self._leave_out("recorded already" if journal else "nothing to tell")
            return
        self._told.add(journal.flow.name)
        if not await asyncio.to_thread(_put, order, journal):
            self._leave_out("recorded already")
            return
        self._routes.update(session.routes)
        self._outcome.written.append(Written(journal.flow.name, len(journal.recordings), journal.ended))

    def _leave_out(self, reason: str) -> None:
        self._outcome.left_out[reason] = self._outcome.left_out.get(reason, 0) + 1


def _placed_in(feature: str) -> Callable[[RequestSnapshot], tuple[str, str]]:
    return lambda request: (feature, f"{request.method} {written_out(request.target).partition('?')[0]}")


def _put(order: Order, journal: Journal) -> bool:
    """Write a journey, unless one of this name is there: nothing is ever overwritten."""
    if Path(order.folder, journal.flow.name).exists():
        return False
    write_journey(Path(order.folder), journal.recordings)
    if order.flows:
        comment = f"A session of {order.feature} as it happened, values from answers threaded; yours to edit."
        write(Path(order.flows, f"{journal.flow.name}.toml"), to_toml(journal.flow, comment))
    return True
