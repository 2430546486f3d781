"""The door of one worker: where clients come in, and how everybody leaves in order. Decides nothing of a
request.

A worker leaves for one of two reasons. When it is *replaced*, others serve already and it may take its time:
an idle connection is not closed under a request that may be on its way, but told to go with its next answer.
When the gateway *stops*, idle connections close at once. Either way what is in flight finishes within the
grace period; at its end streams of events end in good order, and whatever is left is cut off.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, Final

from gateway.proxy import Proxy
from gateway.wire import WEBSOCKET_RESTART, Downstream

__all__ = ["Door"]

_BACKLOG: Final = 4096
_LAST_WORDS: Final = 1.0
"""Seconds for what was written at the very end to reach its clients."""
_POLL: Final = 0.02


class Door:
    """Opens once, closes once. ``tls``: what connections are wrapped with, None for plain ones."""

    def __init__(self, proxy: Proxy, tls: ssl.SSLContext | None, drain_timeout: float) -> None:
        self._proxy = proxy
        self._tls = tls
        self._drain_timeout = drain_timeout
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None

    async def open(self, listening: socket.socket) -> None:
        """Take clients from now on."""
        loop, proxy = self._loop, self._proxy
        more: dict[str, Any] = {"sock": listening, "backlog": _BACKLOG}
        if self._tls is not None:
            more["ssl"] = self._tls
            more["ssl_handshake_timeout"] = proxy.limits.head_timeout
            more["ssl_shutdown_timeout"] = proxy.limits.linger
        if listening.family == socket.AF_UNIX:
            more["cleanup_socket"] = False  # the file belongs to the supervisor, and to whoever comes next
            self._server = await loop.create_unix_server(lambda: Downstream(proxy), **more)
        else:
            self._server = await loop.create_server(lambda: Downstream(proxy), **more)

    async def leave(self, stop: asyncio.Event) -> None:
        """Let everybody go. Until ``stop`` is set this worker is only being replaced."""
        if self._server is not None:
            self._server.close()
        proxy = self._proxy
        proxy.draining = True
        for tunnel in list(proxy.tunnels):
            tunnel.close(WEBSOCKET_RESTART)
        deadline = self._loop.time() + self._drain_timeout
        while proxy.clients and self._loop.time() < deadline:
            if stop.is_set() and not proxy.stopping:
                proxy.stopping = True
                for client in list(proxy.clients):
                    client.drain()
            await asyncio.sleep(_POLL)
        await self._last_words()

    async def _last_words(self) -> None:
        proxy = self._proxy
        proxy.stopping = True
        for client in list(proxy.clients):
            client.part()
        deadline = self._loop.time() + _LAST_WORDS
        while proxy.clients and self._loop.time() < deadline:  # noqa: ASYNC110 - once in a worker's life
            await asyncio.sleep(_POLL)
        for client in list(proxy.clients):
            client.transport.abort()
        await asyncio.sleep(0)
