"""Two connections that have switched protocols: bytes pass untouched both ways, with back-pressure (RFC
9110 section 7.8)."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from gateway.wire.frames import FrameBoundary
from gateway.wire.outbox import Backlog
from gateway.wire.resets import drop
from gateway.wire.sweep import Sweeper

WEBSOCKET_RESTART = b"\x88\x02\x03\xf4"
"""An unmasked close frame with code 1012, service restart (RFC 6455 section 7.4.1 and its registry)."""

_PATIENCE = 2.0
"""Seconds for the rest of a frame to come, for the client to read its farewell, and for a peer to take what
still waits for it."""

_PROBES = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""Seconds of silence before the system asks whether the peer is there, between two questions, and how many: a
tunnel that is silent has no deadline, and a peer that vanished without a word would hold its place for
ever."""


class Patience(NamedTuple):
    """Seconds for which each end may take nothing of what waits for it."""

    client: float
    upstream: float


class Tunnel:
    """Ties two transports together. ``closed`` is called once, when the tunnel ends for whatever reason.

    Silence ends no tunnel, but a peer that takes nothing of what it was sent does, after its patience.
    """

    __slots__ = ("_backlogs", "_closed", "_ends", "_farewell", "_frames", "client", "upstream")

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        closed: Callable[[Tunnel], None],
        sweeper: Sweeper,
        patience: Patience,
    ) -> None:
        self._closed: Callable[[Tunnel], None] | None = closed
        self._ends = (client, upstream)
        for end in self._ends:
            if not end.is_closing():
                _watch(end.get_extra_info("socket"))
        self._frames = FrameBoundary()
        self._farewell = b""
        self._backlogs = (Backlog(), Backlog())
        self.client = _End(self, self._ends, self._to_upstream, sweeper, patience.client)
        self.upstream = _End(self, (upstream, client), self.to_client, sweeper, patience.upstream)

    def to_client(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        client = self._ends[0]
        if client.is_closing() or self._closed is None:
            return
        if not self._farewell:
            self._frames.passed(data)
            client.write(data)
            self._backlogs[0].written(client)
            return
        client.write(data[: self._frames.rest_of_frame(data)])
        if self._frames.whole:
            self._part()

    def _to_upstream(self, data: bytes) -> None:
        if not self._ends[1].is_closing():
            self._ends[1].write(data)
            self._backlogs[1].written(self._ends[1])

    def close(self, farewell: bytes = b"") -> None:
        """End the tunnel. ``farewell`` is the last that the client gets, behind the frame that is under
        way."""
        if self._closed is None:
            return
        self._farewell = farewell
        if farewell and self._frames.whole and not self._ends[0].is_closing():
            self._part()
        elif farewell and not self._ends[0].is_closing():
            asyncio.get_running_loop().call_later(_PATIENCE, self._end)
        else:
            self._end()

    def crashed(self, transport: asyncio.Transport) -> None:
        """A peer has gone without a farewell. What a client was still sending has nobody who waits for its
        outcome; what an application has sent is its client's all the same."""
        if transport is self._ends[0]:
            drop(self._ends[1])

    def _part(self) -> None:
        """Say farewell so that the client can read it: a close with unread bytes would take it back."""
        client = self._ends[0]
        client.write(self._farewell)
        client.resume_reading()
        if client.can_write_eof():
            client.write_eof()
        self._finish(wait_for_client=True)

    def _end(self) -> None:
        self._finish(wait_for_client=False)

    def _finish(self, *, wait_for_client: bool) -> None:
        closed, self._closed = self._closed, None
        if closed is None:
            return
        self.client.over()
        self.upstream.over()
        client, upstream = self._ends
        waiting = tuple(end.get_write_buffer_size() for end in self._ends)
        upstream.close()
        if not wait_for_client:
            client.close()
        loop = asyncio.get_running_loop()
        loop.call_later(_PATIENCE, _drop_idle, self._ends, waiting)
        loop.call_later(_PATIENCE if wait_for_client else 10 * _PATIENCE, _drop_both, client, upstream)
        closed(self)


def _watch(sock: socket.socket) -> None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):  # it has gone already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _PROBES:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _drop_idle(ends: tuple[asyncio.Transport, ...], waiting: tuple[int, ...]) -> None:
    """Who has taken nothing in all this time takes nothing any more."""
    for end, waited in zip(ends, waiting, strict=True):
        if waited and end.get_write_buffer_size() >= waited:
            drop(end)


def _drop_both(client: asyncio.Transport, upstream: asyncio.Transport) -> None:
    drop(client)
    drop(upstream)


class _End(asyncio.Protocol):
    """What one connection hands its events to: ``ends`` are its own transport and that of the other.

    ``deadline`` and ``expired`` are for the sweeper, while its own peer takes no more.
    """

    def __init__(
        self,
        tunnel: Tunnel,
        ends: tuple[asyncio.Transport, asyncio.Transport],
        relay: Callable[[bytes], None],
        sweeper: Sweeper,
        patience: float,
    ) -> None:
        self._tunnel = tunnel
        self._own, self._towards = ends
        self._relay = relay
        self._sweeper = sweeper
        self._patience = patience
        self._waiting = 0
        self.deadline = math.inf

    def data_received(self, data: bytes) -> None:
        self._relay(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._tunnel.crashed(self._own)
        self._tunnel.close()

    def pause_writing(self) -> None:
        # This end is told that *its own* transport is full: the other end must be read no further. Should
        # the other's peer leave, all that it can still have sent is in the system's buffer, and is read.
        if not self._towards.is_closing():
            self._towards.pause_reading()
            self._sweeper.unread.add(self._towards, self._towards.resume_reading)
        self._sweeper.members.add(self)
        self._wait()

    def resume_writing(self) -> None:
        self.over()
        if not self._towards.is_closing():
            self._towards.resume_reading()

    def over(self) -> None:
        """Nobody is waited for here any more."""
        self._sweeper.members.discard(self)
        self._sweeper.unread.discard(self._towards)

    def expired(self) -> None:
        """Whoever has taken something since the last look is slow; whoever has not is gone or hangs."""
        if self._own.get_write_buffer_size() < self._waiting:
            self._wait()
        else:
            self.over()
            self._tunnel.close()

    def _wait(self) -> None:
        self._waiting = self._own.get_write_buffer_size()
        self.deadline = self._sweeper.now + self._patience
