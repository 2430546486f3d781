"""Two connections that have switched protocols: bytes pass untouched both ways, with back-pressure (RFC
9110 section 7.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.wire.frames import FrameBoundary

WEBSOCKET_RESTART = b"\x88\x02\x03\xf4"
"""An unmasked close frame with code 1012, service restart (RFC 6455 section 7.4.1 and its registry)."""

_PATIENCE = 2.0
"""Seconds for the rest of a frame to come, for the client to read its farewell, and for a peer to take what
still waits for it."""


class Tunnel:
    """Ties two transports together. ``closed`` is called once, when the tunnel ends for whatever reason."""

    __slots__ = ("_closed", "_ends", "_farewell", "_frames", "client", "upstream")

    def __init__(
        self, client: asyncio.Transport, upstream: asyncio.Transport, closed: Callable[[Tunnel], None]
    ) -> None:
        self._closed: Callable[[Tunnel], None] | None = closed
        self._ends = (client, upstream)
        self._frames = FrameBoundary()
        self._farewell = b""
        self.client = _End(self, upstream, self._to_upstream)
        self.upstream = _End(self, client, self.to_client)

    def to_client(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        client = self._ends[0]
        if client.is_closing() or self._closed is None:
            return
        if not self._farewell:
            self._frames.passed(data)
            client.write(data)
            return
        client.write(data[: self._frames.rest_of_frame(data)])
        if self._frames.whole:
            self._part()

    def _to_upstream(self, data: bytes) -> None:
        if not self._ends[1].is_closing():
            self._ends[1].write(data)

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
        client, upstream = self._ends
        upstream.close()
        if not wait_for_client:
            client.close()
        loop = asyncio.get_running_loop()
        loop.call_later(_PATIENCE if wait_for_client else 10 * _PATIENCE, _abort_both, client, upstream)
        closed(self)


def _abort_both(client: asyncio.Transport, upstream: asyncio.Transport) -> None:
    client.abort()
    upstream.abort()


class _End(asyncio.Protocol):
    """What one connection hands its events to: ``towards`` is the transport of the other."""

    def __init__(self, tunnel: Tunnel, towards: asyncio.Transport, relay: Callable[[bytes], None]) -> None:
        self._tunnel = tunnel
        self._towards = towards
        self._relay = relay

    def data_received(self, data: bytes) -> None:
        self._relay(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tunnel.close()

    def pause_writing(self) -> None:
        # This end is told that *its own* transport is full: the other end must be read no further.
        if not self._towards.is_closing():
            self._towards.pause_reading()

    def resume_writing(self) -> None:
        if not self._towards.is_closing():
            self._towards.resume_reading()
