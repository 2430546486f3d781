"""One client connection: keeps the order of its requests, writes their answers, ends well. Knows no route
and no upstream.

A request becomes a ``RequestHandler`` as soon as its head is read (``reading``). Handlers begin one after
the other, in the order of their requests; what arrives behind one that waits is held back, up to a bound,
and the connection is read no further.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Protocol, cast

from gateway.core.forwarding import NOBODY_KNOWS
from gateway.core.headers import RequestFacts
from gateway.core.message import RequestHead
from gateway.wire.answers import gateway_answer
from gateway.wire.known import KnownRequests
from gateway.wire.limits import WRITE_HIGH_WATER, ListenLimits
from gateway.wire.outbox import Backlog, Outbox
from gateway.wire.reading import RequestHandler, RequestReader
from gateway.wire.refusal import Refusal, our_mistake
from gateway.wire.resets import arm, disarm, reset
from gateway.wire.sweep import Sweeper
from gateway.wire.untaken import untaken

_HELD = 64 * 1024
"""Bytes held back for requests that have not begun. Up to there the connection is read, so that a client
that leaves is seen."""


class Service(Protocol):
    """What a client connection needs of its process."""

    limits: ListenLimits
    known: KnownRequests
    sweeper: Sweeper
    outbox: Outbox
    clients: set[Downstream]
    turned_away: set[Downstream]
    stopping: bool

    def open(self, client: Downstream, head: RequestHead, facts: RequestFacts) -> RequestHandler: ...
    def refused(self, status: int) -> None: ...
    def is_trusted(self, peer: str) -> bool: ...


class Downstream(asyncio.Protocol):
    """See the module. ``deadline`` is the one deadline of this connection, set by whoever waits at the
    moment. ``congested``: the client has not read enough of what it got; nobody is told so again before that.
    """

    __slots__ = (
        "_advancing",
        "_backlog",
        "_body_due",
        "_current",
        "_ends_by_close",
        "_head_begun",
        "_held",
        "_lingering",
        "_mark",
        "_paused",
        "_queue",
        "_reader",
        "_reading_paused",
        "_refusal",
        "_service",
        "_taken",
        "_taken_at",
        "_tunnel_waits",
        "_whole",
        "_written",
        "congested",
        "deadline",
        "limits",
        "local",
        "peer",
        "piped",
        "transport",
        "trusted",
    )

    def __init__(self, service: Service) -> None:
        self._service = service
        self.limits = service.limits
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.piped: asyncio.Protocol | None = None
        self.deadline = math.inf
        self.peer = b""
        self.local = b""
        self.trusted = False
        self._reader = RequestReader(self, service.known)
        self._current: RequestHandler | None = None
        self._queue: deque[RequestHandler] = deque()
        self._advancing = False
        self._refusal: Refusal | None = None
        self._lingering = False
        self._head_begun = False
        self._held = b""
        self._tunnel_waits = False
        self._paused = False
        self._reading_paused = False
        self.congested = False
        self._backlog = Backlog()
        self._body_due = False
        self._ends_by_close = False
        self._whole = False
        self._mark = 0
        self._written = 0
        self._taken = -1
        self._taken_at = 0.0

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        address = transport.get_extra_info("peername")
        peer = address[0] if isinstance(address, tuple) else NOBODY_KNOWS
        self.peer = peer.encode()
        self.local = _authority(transport.get_extra_info("sockname"))
        service = self._service
        self.trusted = service.is_trusted(peer)
        if len(service.clients) >= self.limits.connections:
            self._turn_away()
            return
        service.sweeper.members.add(self)
        service.clients.add(self)
        self._wait(self.limits.idle_timeout)

    def _turn_away(self) -> None:
        """There is no room: say so. Who is being told takes some too, so not even that is for everybody."""
        service = self._service
        service.refused(503)
        if len(service.turned_away) >= self.limits.turned_away:
            self._lingering = True
            self.transport.abort()
            return
        service.turned_away.add(self)
        service.sweeper.members.add(self)
        self._write_refusal(Refusal(503, "too many connections"))

    def data_received(self, data: bytes) -> None:
        if self.piped is not None:
            self.piped.data_received(data)
        elif self._queue or self._tunnel_waits:
            self._held += data
            self._set_reading()
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        self._service.outbox.flush()  # over TLS its last request may have come in the same bytes
        if self._ends_by_close and not self._whole:
            reset(self.transport)  # it has left, but it may still read
        if self.piped is None:
            self._left()
            self._stop_reading_requests()
            self._wait(self.limits.linger)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ends_by_close and self._whole and not self.transport.get_write_buffer_size():
            disarm(self.transport)
        self._service.clients.discard(self)
        self._service.turned_away.discard(self)
        self._service.sweeper.members.discard(self)
        self._service.sweeper.unread.discard(self.transport)
        if self.piped is not None:
            self.piped.connection_lost(exc)
            return
        self._reader.stopped = True
        self._left()
        self._queue.clear()

    def _left(self) -> None:
        """What runs for the client has nobody who waits for it."""
        current, self._current = self._current, None
        if current is not None:
            current.client_gone()

    def pause_writing(self) -> None:
        self.congested = True
        if self.piped is not None:
            self.piped.pause_writing()
        elif self._current is not None:
            self._current.client_congested()

    def resume_writing(self) -> None:
        self.congested = False
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        if self.piped is not None:
            self.piped.resume_writing()
        elif self._current is not None:
            self._current.client_drained()
        else:
            self._advance()

    # What the reader tells.

    def opened(self, head: RequestHead, facts: RequestFacts) -> RequestHandler:
        """A head has been read: make its request."""
        self._head_begun = False
        return self._service.open(self, head, facts)

    def take(self, handler: RequestHandler) -> None:
        """A request may begin as soon as those before it are done."""
        if self._current or self._queue or self._advancing or self.congested or self._lingering:
            self._queue.append(handler)
            self._advance()
            return
        self._advancing = True
        self._begin(handler)
        self._advancing = False
        if self._current is None:  # it was done within its own begin
            self._advance()

    # The side of the handler.

    def write(self, data: bytes) -> None:
        """Write bytes of an answer, at the end of this turn of the loop."""
        self._service.outbox.put(self, data)

    def write_now(self, data: bytes) -> None:
        """Write what `write` was given."""
        if not self.transport.is_closing():
            self._written += len(data)
            self.transport.write(data)
            self._backlog.written(self.transport)

    def _close(self) -> None:
        """Once what was written has gone out."""
        self._stop_reading_requests()
        self._wait(self.limits.linger)
        self._service.outbox.flush()
        self.transport.close()

    def pause(self) -> None:
        """The upstream takes no more: read no further."""
        self._paused = True
        self._set_reading()

    def resume(self) -> None:
        """The upstream takes more again."""
        if self._paused:
            self._paused = False
            self._set_reading()

    def watch_body(self) -> None:
        """From now on the body must come at the lowest allowed rate."""
        self._body_due = True
        self._mark = self._reader.body_bytes
        self._wait(self.limits.body_window)

    def wait_for_upstream(self, seconds: float) -> None:
        """Not the client is waited for, but the application, and no longer than this."""
        self._body_due = False
        self._wait(seconds)

    def finished(self, *, keep: bool) -> None:
        """The answer is written. ``keep``: the connection may carry another request."""
        receiving = self._reader.handler
        unread = receiving is not None and receiving is self._current
        self._current = None
        if unread or not keep or self._service.stopping:
            self._linger()
            return
        self._paused = False
        if self._advancing:
            return  # it was done within its own begin: who began it goes on
        if self._queue or self._held or self._reading_paused or self._refusal or self._tunnel_waits:
            self._advance()
        else:
            self._wait(self.limits.head_timeout if self._head_begun else self.limits.idle_timeout)

    def ends_by_close(self) -> None:
        """Nothing in the answer that begins says where it ends, so a close in good order will look like its
        end: there is none before all of it is written."""
        self._ends_by_close = True
        arm(self.transport)

    def cut(self) -> None:
        """The answer cannot be brought to its end: what was written goes out, then the connection closes."""
        self._stop_reading_requests()
        self._wait(self.limits.linger)
        self._service.outbox.flush()
        if self._ends_by_close:
            reset(self.transport)
        else:
            self.transport.close()

    def drain(self) -> None:
        """Nobody takes this process's place: an idle connection closes now, a busy one after its answer, and
        one that is about to end goes on with that."""
        if self._current is None and not (self._head_begun or self._lingering):
            self._close()

    def part(self) -> None:
        """The time is up: an answer that can be ended in good order is, any other is cut off."""
        if self._current is None or not self._current.part():
            self._service.outbox.flush()
            self.transport.abort()

    def switch(self, tunnel: asyncio.Protocol) -> bytes:
        """From now on every byte goes to ``tunnel``. Returns what the client has already sent beyond its
        request."""
        self._service.outbox.flush()  # the tunnel writes by itself
        self.piped = tunnel
        self.deadline = math.inf
        rest, self._held = self._held, b""
        self._tunnel_waits = self._paused = False
        self._set_reading()
        return rest

    # Reading.

    def _feed(self, data: bytes) -> None:
        left: bytes | None = data
        while left and not self._lingering and self._refusal is None:
            left = self._read(left)

    def _read(self, data: bytes) -> bytes | None:
        """Read on. Returns what follows a request to switch protocols that has been declined already."""
        if self._current is None and not self._head_begun:
            self._head_begun = True
            self._wait(self.limits.head_timeout)
        try:
            rest = self._reader.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return None
        if self._reader.in_head:
            self._head_begun = True
        if rest is None or self._lingering:
            return None
        if self._current is None and not self._queue:
            return rest
        self._tunnel_waits = True
        self._held = rest
        return None

    def _set_reading(self) -> None:
        pause = not self._lingering and (self._paused or len(self._held) > _HELD)
        if pause == self._reading_paused or self.transport.is_closing():
            return
        self._reading_paused = pause
        unread = self._service.sweeper.unread
        if pause:
            self.transport.pause_reading()
            unread.add(self.transport, self.transport.abort)
        else:
            unread.discard(self.transport)
            self.transport.resume_reading()

    # Order.

    def _advance(self) -> None:
        """Begin what waits, one after the other as long as each is done at once; then read on."""
        if self._advancing:
            return  # a request that was done within its own begin: the loop below goes on
        self._advancing = True
        while self._queue and self._current is None and not (self.congested or self._lingering):
            self._begin(self._queue.popleft())
        self._advancing = False
        if self._current is None and not self._lingering:
            self._between()
        elif not self._queue and not self._tunnel_waits:
            self._release_held()

    def _begin(self, handler: RequestHandler) -> None:
        """Our own mistake in it is answered like any refusal: nobody else would ever end this request."""
        self._current = handler
        try:
            handler.begin()
        except Exception as mistake:  # noqa: BLE001 - whatever it is, its client waits
            refusal = our_mistake(mistake)
            if self._current is handler:
                self._service.refused(refusal.status)
                refusal.head_only = handler.head_only
                self._refuse_current(handler, refusal)

    def _between(self) -> None:
        """No answer is under way."""
        if self._queue:
            self._wait(self.limits.idle_timeout)  # for the client to read what it got
        elif self._refusal is not None:
            self._write_refusal(self._refusal)
        else:
            self._tunnel_waits = False
            self._wait(self.limits.head_timeout if self._head_begun else self.limits.idle_timeout)
            self._release_held()

    def _release_held(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._feed(held)
        self._set_reading()

    # Deadlines.

    def _wait(self, seconds: float) -> None:
        self.deadline = self._service.sweeper.now + seconds

    def expired(self) -> None:
        """The deadline has passed: whoever waits gives up."""
        self.deadline = math.inf
        self._service.outbox.flush()
        current = self._current
        waiting = untaken(self.transport) if self._lingering else self.transport.get_write_buffer_size()
        if waiting:
            self._client_reads_slowly(waiting)
        elif self._lingering:
            self.transport.abort()
        elif current is not None and not self._body_due:
            current.expired()
        elif current is not None and self._body_rate_kept():
            self.watch_body()
        elif current is not None:
            self._refuse(Refusal(408, "the body came too slowly"))
        elif self._head_begun:
            self._refuse(Refusal(408, "the head of the request did not come in time"))
        else:
            self._close()

    def _client_reads_slowly(self, waiting: int) -> None:
        """No upstream is to blame while the client has not read what it got; it has to read something now
        and then."""
        taken = self._written - waiting
        now = self._service.sweeper.now
        if taken > self._taken:
            self._taken, self._taken_at = taken, now
        if now - self._taken_at >= self.limits.idle_timeout:
            self.transport.abort()
        else:
            self._wait(min(self.limits.idle_timeout, self.limits.linger))

    def _body_rate_kept(self) -> bool:
        limits = self.limits
        return self._reader.body_bytes - self._mark >= limits.body_rate * limits.body_window

    # Ends.

    def _refuse(self, refusal: Refusal) -> None:
        if self._lingering:
            return
        self._service.refused(refusal.status)
        refusal.head_only = self._reader.asks_for_head()
        receiving, self._reader.handler = self._reader.handler, None
        if receiving is not None and receiving is self._current:
            self._refuse_current(receiving, refusal)
            return
        if receiving in self._queue:
            self._queue.remove(cast(RequestHandler, receiving))
        self._refusal = refusal
        if self._current is None and not self._queue:
            self._write_refusal(refusal)

    def _refuse_current(self, current: RequestHandler, refusal: Refusal) -> None:
        self._current = None
        if current.refused(refusal.status):  # part of an answer is out: nothing can be said any more
            self.cut()
        else:
            self._write_refusal(refusal)

    def _write_refusal(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self.write(
            gateway_answer(refusal.status, refusal.detail, head_only=refusal.head_only, extra=refusal.extra)
        )
        self._linger()

    def _stop_reading_requests(self) -> None:
        self._current = None
        self._lingering = True
        self._reader.stopped = True
        self._reader.handler = None
        self._queue.clear()
        self._held = b""
        self._tunnel_waits = False

    def _linger(self) -> None:
        """Close so that the client can still read the answer: stop writing, read on for a moment and
        throw it away."""
        if self.transport.is_closing():
            return
        self._whole = True
        self._stop_reading_requests()
        self._wait(self.limits.linger)
        self._set_reading()
        self._service.outbox.flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()


def _authority(address: object) -> bytes:
    """Where the client connected to, as an authority: the host of a request that names none."""
    if not isinstance(address, tuple):
        return b"localhost"
    host, port = address[:2]
    return f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()
