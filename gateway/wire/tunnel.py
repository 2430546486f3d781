"""Two connections that have switched protocols: bytes pass untouched both ways, with back-pressure (RFC
9110 section 7.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Tunnel:
    """Ties two transports together. ``closed`` is called once, when either end has gone."""

    __slots__ = ("_closed", "_ends", "client", "upstream")

    def __init__(
        self, client: asyncio.Transport, upstream: asyncio.Transport, closed: Callable[[Tunnel], None]
    ) -> None:
        self._closed: Callable[[Tunnel], None] | None = closed
        self._ends = (client, upstream)
        self.client = _End(self, upstream)
        self.upstream = _End(self, client)

    def close(self, farewell: bytes = b"") -> None:
        """End the tunnel. ``farewell`` is the last that the client gets."""
        closed, self._closed = self._closed, None
        if closed is None:
            return
        client, upstream = self._ends
        if farewell and not client.is_closing():
            client.write(farewell)
        client.close()
        upstream.close()
        closed(self)


class _End(asyncio.Protocol):
    """What one connection hands its events to: ``towards`` is the transport of the other."""

    def __init__(self, tunnel: Tunnel, towards: asyncio.Transport) -> None:
        self._tunnel = tunnel
        self._towards = towards

    def data_received(self, data: bytes) -> None:
        if not self._towards.is_closing():
            self._towards.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tunnel.close()

    def pause_writing(self) -> None:
        # This end is told that *its own* transport is full: the other end must be read no further.
        if not self._towards.is_closing():
            self._towards.pause_reading()

    def resume_writing(self) -> None:
        if not self._towards.is_closing():
            self._towards.resume_reading()


WEBSOCKET_RESTART = b"\x88\x02\x03\xf4"
"""An unmasked close frame with code 1012, service restart (RFC 6455 section 7.4.1 and its registry)."""
